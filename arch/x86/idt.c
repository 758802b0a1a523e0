// SPDX-License-Identifier: MIT
// The interrupt descriptor table. Each vector has a gate that leads to its stub in vectors.asm.
#include "arch/x86/idt.h"

#include "arch/x86/gdt.h"
#include "arch/x86/instructions.h"
#include "arch/x86/interrupts.h"
#include "arch/x86/registers.h"

#define STUB_BYTES 12
#define GATE_INTERRUPT 0x8e // present, ring 0, 64-bit interrupt gate (SDM Vol. 3A 6.14.1)

struct gate {
    uint16_t offset_low;
    uint16_t selector;
    uint8_t ist;
    uint8_t type;
    uint16_t offset_middle;
    uint32_t offset_high;
    uint32_t reserved;
};

static_assert(sizeof(struct gate) == 16, "SDM Vol. 3A figure 6-8");

// In vectors.asm: INTERRUPT_VECTORS stubs of STUB_BYTES.
extern const char interrupt_stubs[];

static struct gate idt[INTERRUPT_VECTORS];

void idt_init(void)
{
    for (unsigned vector = 0; vector < INTERRUPT_VECTORS; vector++) {
        uint64_t stub = (uintptr_t)interrupt_stubs + (uint64_t)vector * STUB_BYTES;
        idt[vector] = (struct gate){
            .offset_low = (uint16_t)stub,
            .selector = SELECTOR_CODE,
            .type = GATE_INTERRUPT,
            .offset_middle = (uint16_t)(stub >> 16),
            .offset_high = (uint32_t)(stub >> 32),
        };
    }
}

void idt_load(void)
{
    struct descriptor_table table = {.limit = sizeof(idt) - 1, .base = idt_base()};
    load_idt(&table);
}

void idt_use_interrupt_stacks(void)
{
    idt[VECTOR_NMI].ist = IST_NMI;
    idt[VECTOR_DF].ist = IST_DOUBLE_FAULT;
    idt[VECTOR_MC].ist = IST_MACHINE_CHECK;
}

uint64_t idt_base(void)
{
    return (uintptr_t)idt;
}
