// SPDX-License-Identifier: MIT
// A VM with several vCPUs that run: each can be loaded, sent to, halted, and asked for.
#pragma once

#include "vmm/devices/apic_message.h"
#include "vmm/util/types.h"

struct vcpu;

// Starts fake_machine.vm with so many vCPUs. All have taken their SIPI and switched their APICs on.
void smp_begin(unsigned vcpus);
// Loads vCPU `index` on its CPU, on which the test runs from now on.
struct vcpu *smp_on(unsigned index);
void smp_send(unsigned index, enum apic_delivery delivery, uint8_t vector);
// Lets the vCPU execute HLT. `interrupts` is RFLAGS_IF or 0.
void smp_halt(unsigned index, uint64_t interrupts);
// Asks as the scheduler does. A vCPU that runs takes its mail by itself before it goes on.
bool smp_runnable(unsigned index);
