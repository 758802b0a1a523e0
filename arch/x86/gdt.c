// SPDX-License-Identifier: MIT
// The hypervisor's segments: flat ones, and a task state segment for the interrupt stacks.
#include "arch/x86/gdt.h"

#include "arch/x86/instructions.h"

// Descriptors (SDM Vol. 3A 3.4.5): present, ring 0. The accessed bit is set, so the CPU does not
// write here.
#define DESCRIPTOR_CODE 0x00209b0000000000ULL // long mode, execute and read
#define DESCRIPTOR_DATA 0x0000930000000000ULL // read and write
#define DESCRIPTOR_TSS 0x0000890000000000ULL  // 64-bit TSS, available

void gdt_fill(struct gdt *gdt, struct tss *tss)
{
    uint64_t base = (uintptr_t)tss;
    tss->io_map = sizeof(*tss); // beyond the limit: there is none
    gdt->entries[0] = 0;
    gdt->entries[SELECTOR_CODE / 8] = DESCRIPTOR_CODE;
    gdt->entries[SELECTOR_DATA / 8] = DESCRIPTOR_DATA;
    gdt->entries[SELECTOR_TSS / 8] =
        DESCRIPTOR_TSS | TSS_LIMIT | (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56;
    gdt->entries[SELECTOR_TSS / 8 + 1] = base >> 32;
}

// Only a far transfer can load CS.
static void load_code_segment(void)
{
    __asm__ volatile("push %0\n\t"
                     "lea 1f(%%rip), %%rax\n\t"
                     "push %%rax\n\t"
                     "lretq\n"
                     "1:"
                     :
                     : "i"(SELECTOR_CODE)
                     : "rax", "memory");
}

void gdt_load(struct gdt *gdt)
{
    struct descriptor_table table = {.limit = sizeof(*gdt) - 1, .base = (uintptr_t)gdt};
    load_gdt(&table);
    load_code_segment();
    __asm__ volatile("mov %0, %%ds\n\tmov %0, %%es\n\tmov %0, %%ss" : : "r"(SELECTOR_DATA));
    __asm__ volatile("mov %0, %%fs\n\tmov %0, %%gs" : : "r"(0));
    load_task_register(SELECTOR_TSS);
}
