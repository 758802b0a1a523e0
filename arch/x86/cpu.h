// SPDX-License-Identifier: MIT
// One structure a CPU, found from the stack pointer, and what is set up on every CPU.
#pragma once

#include "arch/x86/gdt.h"
#include "vmm/util/types.h"

#define CPUS_MAX 256

// A stack is the upper half of an aligned slot; the lower half is not mapped. The lowest 8 bytes of
// each stack hold the address of its CPU's structure. The GS base cannot be used for that: after
// VMRUN exits it is still the guest's.
#define STACK_SLOT_BYTES 0x8000UL
#define STACK_BYTES 0x4000UL

struct cpu {
    unsigned index; // 0 is the one that booted
    uint32_t apic_id;
    uint64_t stack_top; // initial RSP, 16-byte aligned
    uint64_t cr3;       // the address space entered last
    uint64_t nmi_count;
    uint64_t machine_check_count;
    uint64_t unexpected_interrupt_count; // vectors that nobody handles
    volatile bool logging;               // inside log_line
    struct gdt gdt;
    struct tss tss;
};

// This CPU, on any of its stacks.
static inline struct cpu *cpu_this(void)
{
    uint64_t slot;
    __asm__("mov %%rsp, %0" : "=r"(slot));
    slot &= ~(STACK_SLOT_BYTES - 1);
    return *(struct cpu *const *)(slot + STACK_SLOT_BYTES - STACK_BYTES);
}

// CPUs that run, and the one of an index below that (NULL above).
unsigned cpu_count(void);
struct cpu *cpu_by_index(unsigned index);

// A structure and stacks for another CPU, which will have index cpu_count(). NULL: no frames. Once
// the CPU answers, cpu_add counts it in; one that never answers is forgotten, never freed, because
// it may yet come late.
struct cpu *cpu_create(uint32_t apic_id);
void cpu_add(struct cpu *cpu);

// CR0, CR4, EFER and PAT as Husk wants them: WP, NX, global pages, SMEP, SMAP, UMIP, machine
// checks, as far as this CPU has them. On every CPU, on its way into C.
void cpu_enable_protections(void);

// On the CPU itself, on its stack: protections, GDT, TSS, IDT, machine-check banks.
void cpu_set_up(struct cpu *cpu);

// The one that booted gets its interrupt stacks; needs frames.
void cpu_set_up_first(void);
