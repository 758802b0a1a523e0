// SPDX-License-Identifier: MIT
// The processors: starting them, knowing them by number, giving them work.
#pragma once

#include "guests/lib/apic.h"
#include "guests/lib/trampoline.h"

// Work for one processor, which is told its own number.
typedef void processor_job(unsigned self, void *argument);

// Processor 0 is the one that started; the others have the numbers in which they came.
void processors_init(void);

// Starts those with the APIC IDs from 1 to `ids` - 1, one after the other; the xAPIC's mode.
void processors_start_each(unsigned ids);

// Resets all others by one INIT and starts them again by SIPIs to all. True if all came back.
bool processors_restart_all(void);

unsigned processor_count(void);
uint32_t processors_all(void); // a bit for each
uint32_t processor_apic_id(unsigned number);

// The number of the processor that asks.
unsigned processor_self(void);

// Runs `job` on each processor of `set` at the same time; 0 is the caller. False if one is not done
// in a few seconds.
bool processors_run(uint32_t set, processor_job *job, void *argument);

// Waits until all processors are here. For a job that runs on all.
void processors_meet(void);

// All processors put their APICs into `mode`. False if one does not.
bool processors_set_mode(enum apic_mode mode);
enum apic_mode processors_mode(void);

// Waits until `*counter` is at least `wanted`; false after a few seconds.
bool wait_for_count(const volatile uint32_t *counter, uint32_t wanted);
void wait_ns(uint64_t duration_ns);
