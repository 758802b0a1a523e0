// SPDX-License-Identifier: MIT
// The CPUs for host tests: the test has them, and says which one runs.
#pragma once

#include "vmm/util/types.h"

#define CPUS_MAX 256

struct cpu {
    unsigned index;
    uint32_t apic_id;
    uint64_t stack_top;
    uint64_t cr3;
    bool disturbed;
};

struct cpu *cpu_this(void);
unsigned cpu_count(void);
struct cpu *cpu_by_index(unsigned index);
struct cpu *cpu_create(uint32_t apic_id);
void cpu_add(struct cpu *cpu);
void cpu_set_up(struct cpu *cpu);
