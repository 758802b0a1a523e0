// SPDX-License-Identifier: MIT
// The other processors. They are started anew for each job, whatever state the last job left them
// in.
#pragma once

#include "guests/lib/apic.h"

// Work for one of the other processors. `self` is its number, from 1 on. Interrupts are on.
typedef void processor_job(unsigned self);

// Prepares the start of the others. `count` processors are expected. From now on an exception ends
// only call_carefully. `exits` says what loops_exit returns.
void processors_init(unsigned count, bool exits);
unsigned processor_count(void);

// Whether each round of a loop that waits or runs on is to exit. Without an exit, a processor that
// began such a loop with interrupts off keeps its CPU in Bochs' AMD-V (arch/svm/README.md).
bool loops_exit(void);
// One round of such a loop.
void loop_once(void);

// Sends INIT and SIPI to all others, which then run `job`. Returns false if not all have come.
bool processors_start(processor_job *job);
// Waits until all others have done their job. Returns false after some seconds.
bool processors_finish(void);
unsigned processors_finished(void);

// Writes the command of the local APIC, in xAPIC mode.
void ipi_send(uint32_t destination, uint32_t command);

// Calls code with `address` in rdi and `value` in rax, and returns rax. The code may fault, but
// must leave r13, r15 and the stack alone.
uint64_t call_carefully(const void *code, uint64_t address, uint64_t value);
// The same for a read and a write of 8 bytes.
void read_carefully(uint64_t address);
void write_carefully(uint64_t address, uint64_t value);

// Waits until `*counter` is at least `wanted`. Returns false after some seconds.
bool wait_for_count(const volatile uint32_t *counter, uint32_t wanted);
