// SPDX-License-Identifier: MIT
// Brings other processors from a SIPI to C, each with a stack and a number of its own.
#include "guests/lib/trampoline.h"

#include "arch/x86/msr_numbers.h"
#include "arch/x86/registers.h"
#include "guests/lib/cpu.h"
#include "guests/lib/descriptors.h"
#include "guests/lib/memory.h"
#include "guests/lib/traps.h"

// In trampoline.asm.
extern uint8_t trampoline_start[];
extern uint8_t trampoline_end[];
extern uint32_t trampoline_cr0, trampoline_cr3, trampoline_cr4, trampoline_efer;
extern struct descriptor_table trampoline_gdtr, trampoline_idtr;
extern volatile uint32_t trampoline_next, trampoline_limit;

uint8_t processor_stacks[MAX_PROCESSORS][PROCESSOR_STACK_BYTES] __attribute__((aligned(16)));

void trampoline_prepare(void)
{
    // A gate must not ask for a stack of the TSS, because the other processors have none.
    idt_set(VECTOR_NMI, trap_entry(VECTOR_NMI), 0, 0);
    idt_set(VECTOR_DF, trap_entry(VECTOR_DF), 0, 0);

    trampoline_cr0 = (uint32_t)cr0_read();
    trampoline_cr3 = (uint32_t)cr3_read();
    trampoline_cr4 = (uint32_t)cr4_read();
    trampoline_efer = (uint32_t)(msr_read(IA32_EFER) & ~EFER_LMA); // LMA cannot be written
    trampoline_limit = MAX_PROCESSORS;
    __asm__ volatile("sgdt %0" : "=m"(trampoline_gdtr));
    __asm__ volatile("sidt %0" : "=m"(trampoline_idtr));
    memcpy((void *)TRAMPOLINE_ADDRESS, trampoline_start,
           (size_t)(trampoline_end - trampoline_start));
}

void trampoline_number_anew(void)
{
    trampoline_next = 1;
}
