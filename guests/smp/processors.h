// SPDX-License-Identifier: MIT
// Starts processors, numbers them and gives them work.
#pragma once

#include "guests/lib/apic.h"
#include "guests/lib/trampoline.h"

#define PROCESSORS_MAX 8

// Work for one processor. `self` is its number.
typedef void processor_job(unsigned self, void *argument);

// Processor 0 is the one that the machine starts with. The others are numbered in the order in
// which they come.
void processors_init(void);

// Starts the processors with the APIC IDs from 1 to `ids` - 1, at most up to PROCESSORS_MAX - 1,
// one after the other, in xAPIC mode.
void processors_start_each(unsigned ids);

// Resets all other processors by one INIT and starts them again by SIPIs to all. Returns true if
// all have come back.
bool processors_restart_all(void);

unsigned processor_count(void);
uint32_t processors_all(void); // a bit for each processor
uint32_t processor_apic_id(unsigned number);

// The number of the processor that asks.
unsigned processor_self(void);

// Runs `job` on each processor of `set` at the same time; the caller is processor 0. Returns false
// if one is not done in a few seconds.
bool processors_run(uint32_t set, processor_job *job, void *argument);

// Puts the APICs of all processors into `mode`. Returns false if one does not answer.
bool processors_set_mode(enum apic_mode mode);
enum apic_mode processors_mode(void);

// Waits until `*counter` is at least `wanted`. Returns false after a few seconds.
bool wait_for_count(const volatile uint32_t *counter, uint32_t wanted);
