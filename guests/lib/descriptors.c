// SPDX-License-Identifier: MIT
// The guest's GDT, TSS and IDT (SDM Vol. 3A 3.4.5, 6.14, 7.7).
#include "guests/lib/descriptors.h"

#include "guests/lib/traps.h"

#define FAULT_STACK_BYTES 4096
#define RING0_STACK_BYTES 8192

struct PACKED tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_bitmap;
};
static_assert(sizeof(struct tss) == 104, "64-bit TSS");

static uint8_t fault_stack[FAULT_STACK_BYTES] __attribute__((aligned(16)));
static uint8_t spare_stack[FAULT_STACK_BYTES] __attribute__((aligned(16)));
static uint8_t ring0_stack[RING0_STACK_BYTES] __attribute__((aligned(16)));

static struct tss tss;
static struct idt_gate idt[IDT_VECTORS] __attribute__((aligned(16)));
static uint64_t gdt[SELECTOR_LIMIT / 8] __attribute__((aligned(16))) = {
    [SELECTOR_CODE / 8] = 0x00af9b000000ffff,      [SELECTOR_DATA / 8] = 0x00cf93000000ffff,
    [SELECTOR_USER_DATA / 8] = 0x00cff3000000ffff, [SELECTOR_USER_CODE / 8] = 0x00affb000000ffff,
    [SELECTOR_CODE_32 / 8] = 0x00cf9b000000ffff,   [SELECTOR_USER_CODE_32 / 8] = 0x00cffb000000ffff,
};

#define TSS_AVAILABLE (0x89ULL << 40)

// Makes a TSS descriptor that is not busy: LTR needs it so.
static void make_tss_descriptor(void)
{
    const uint64_t base = (uint64_t)(uintptr_t)&tss;
    gdt[SELECTOR_TSS / 8] =
        (sizeof(tss) - 1) | (base & 0xffffff) << 16 | TSS_AVAILABLE | (base >> 24 & 0xff) << 56;
    gdt[SELECTOR_TSS / 8 + 1] = base >> 32;
}

void idt_set(unsigned vector, const void *entry, unsigned ist, unsigned dpl)
{
    const uint64_t offset = (uint64_t)(uintptr_t)entry;
    idt[vector % IDT_VECTORS] = (struct idt_gate){
        .offset_low = (uint16_t)offset,
        .selector = SELECTOR_CODE,
        .ist = (uint8_t)ist,
        .attributes = (uint8_t)(GATE_INTERRUPT | dpl << GATE_DPL_SHIFT),
        .offset_middle = (uint16_t)(offset >> 16),
        .offset_high = (uint32_t)(offset >> 32),
    };
}

static void load_segments(void)
{
    __asm__ volatile("pushq %0\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\n\t"
                     "movl %1, %%eax\n\t"
                     "movl %%eax, %%ds\n\t"
                     "movl %%eax, %%es\n\t"
                     "movl %%eax, %%ss\n\t"
                     "movl %%eax, %%fs\n\t"
                     "movl %%eax, %%gs"
                     :
                     : "i"(SELECTOR_CODE), "i"(SELECTOR_DATA)
                     : "rax", "memory");
}

void descriptors_load(void)
{
    const struct descriptor_table gdtr = {.limit = sizeof(gdt) - 1,
                                          .base = (uint64_t)(uintptr_t)gdt};
    const struct descriptor_table idtr = {.limit = sizeof(idt) - 1,
                                          .base = (uint64_t)(uintptr_t)idt};
    make_tss_descriptor();
    __asm__ volatile("lgdt %0" ::"m"(gdtr) : "memory");
    load_segments();
    __asm__ volatile("ltr %w0" ::"r"(SELECTOR_TSS) : "memory");
    __asm__ volatile("lidt %0" ::"m"(idtr) : "memory");
}

void descriptors_init(void)
{
    tss.rsp[0] = (uint64_t)(uintptr_t)(ring0_stack + RING0_STACK_BYTES);
    tss.ist[IST_FAULTS - 1] = (uint64_t)(uintptr_t)(fault_stack + FAULT_STACK_BYTES);
    tss.ist[IST_SPARE - 1] = descriptors_spare_stack();
    tss.io_bitmap = sizeof(tss);
    for (unsigned vector = 0; vector < IDT_VECTORS; vector++) {
        idt_set(vector, trap_entry(vector), 0, 0);
    }
    descriptors_load();
}

uint64_t *descriptors_gdt(void)
{
    return gdt;
}

struct idt_gate *descriptors_idt(void)
{
    return idt;
}

uint64_t descriptors_spare_stack(void)
{
    return (uint64_t)(uintptr_t)(spare_stack + FAULT_STACK_BYTES);
}
