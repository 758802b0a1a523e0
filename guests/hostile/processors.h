// SPDX-License-Identifier: MIT
// The other processors: started for a job each time anew, whatever the last one left of them.
#pragma once

#include "guests/lib/apic.h"

// Work for one of the others, which is told its own number, 1 and up. Its interrupts are on.
typedef void processor_job(unsigned self);

// Prepares the way of the others. Exceptions end only call_carefully from now on. `count`
// processors are to be there.
void processors_init(unsigned count);
unsigned processor_count(void);

// INIT, then SIPI to all others, which run `job`. False: not all have come.
bool processors_start(processor_job *job);
// Waits until all others are done with it; false after some seconds.
bool processors_finish(void);
unsigned processors_finished(void);

// Writes the command of the local APIC, in xAPIC mode.
void ipi_send(uint32_t destination, uint32_t command);

// Calls code with `address` in rdi and `value` in rax, which may fault and be anything that leaves
// r13, r15 and the stack alone; returns rax.
uint64_t call_carefully(const void *code, uint64_t address, uint64_t value);
// The same for a read and a write of 8 bytes.
void read_carefully(uint64_t address);
void write_carefully(uint64_t address, uint64_t value);

// Waits until `*counter` is at least `wanted`; false after some seconds.
bool wait_for_count(const volatile uint32_t *counter, uint32_t wanted);
