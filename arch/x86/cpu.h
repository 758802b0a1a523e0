// SPDX-License-Identifier: MIT
// One structure for each CPU, which is found from the stack pointer, and the set-up of every CPU.
#pragma once

#include "arch/x86/gdt.h"
#include "vmm/util/types.h"

#define CPUS_MAX 256

// A stack is the upper half of an aligned slot; the lower half is not mapped. The lowest 8 bytes of
// each stack hold the address of its CPU's structure. The GS base cannot hold it, because #VMEXIT
// leaves the guest's GS base in the CPU.
#define STACK_SLOT_BYTES 0x8000UL
#define STACK_BYTES 0x4000UL

struct cpu {
    unsigned index; // 0 is the one that booted
    uint32_t apic_id;
    uint64_t stack_top; // initial RSP, 16-byte aligned
    uint64_t cr3;       // the address space entered last
    uint64_t nmi_count;
    uint64_t machine_check_count;
    uint64_t unexpected_interrupt_count; // interrupts whose vector has no handler
    bool disturbed;                      // see interrupts_disturbed
    volatile bool logging;               // the CPU is inside log_line
    struct gdt gdt;
    struct tss tss;
};

// The structure of this CPU. Works on any of its stacks.
static inline struct cpu *cpu_this(void)
{
    uint64_t slot;
    __asm__("mov %%rsp, %0" : "=r"(slot));
    slot &= ~(STACK_SLOT_BYTES - 1);
    return *(struct cpu *const *)(slot + STACK_SLOT_BYTES - STACK_BYTES);
}

// The number of CPUs that run, and the CPU of an index below that number (NULL above).
unsigned cpu_count(void);
struct cpu *cpu_by_index(unsigned index);

// Makes a structure and stacks for another CPU, which will have index cpu_count(). NULL: no frames.
// When the CPU has answered, cpu_add counts it. A CPU that never answers keeps its memory, because
// it may still come late.
struct cpu *cpu_create(uint32_t apic_id);
void cpu_add(struct cpu *cpu);

// Sets CR0, CR4, EFER and PAT: WP, NX, global pages, SMEP, SMAP, UMIP, machine checks, as far as
// this CPU has them. Each CPU calls it on its way into C.
void cpu_enable_protections(void);

// On the CPU itself, on its own stack: sets up protections, GDT, TSS, IDT and machine-check banks.
void cpu_set_up(struct cpu *cpu);

// Gives the CPU that booted its interrupt stacks. Needs frames.
void cpu_set_up_first(void);
