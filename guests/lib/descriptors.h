// SPDX-License-Identifier: MIT
// The guest's GDT, TSS and IDT (SDM Vol. 3A 3.4.5, 6.14, 7.7).
#pragma once

#include "vmm/util/types.h"

enum selector {
    SELECTOR_CODE = 0x08,
    SELECTOR_DATA = 0x10,
    SELECTOR_USER_DATA = 0x18 | 3,
    SELECTOR_USER_CODE = 0x20 | 3,
    SELECTOR_TSS = 0x28, // 16 bytes
    SELECTOR_CODE_32 = 0x38,
    SELECTOR_USER_CODE_32 = 0x40 | 3,
    SELECTOR_SPARE = 0x48, // 16 bytes for a guest's own descriptors
    SELECTOR_LIMIT = 0x58,
};

// The interrupt stacks of the TSS: number 1 is for #DF and NMI, number 2 is free for a guest.
#define IST_FAULTS 1
#define IST_SPARE 2

#define IDT_VECTORS 256

struct idt_gate {
    uint16_t offset_low;
    uint16_t selector;
    uint8_t ist;
    uint8_t attributes;
    uint16_t offset_middle;
    uint32_t offset_high;
    uint32_t reserved;
};
static_assert(sizeof(struct idt_gate) == 16, "long-mode gate");

struct PACKED descriptor_table {
    uint16_t limit;
    uint64_t base;
};
static_assert(sizeof(struct descriptor_table) == 10, "operand of LGDT and LIDT");

#define GATE_INTERRUPT 0x8e // present, DPL 0
#define GATE_DPL_SHIFT 5

// Makes and loads the GDT, the TSS and the IDT.
void descriptors_init(void);

// Loads them again, after a guest has loaded others.
void descriptors_load(void);

uint64_t *descriptors_gdt(void);        // SELECTOR_LIMIT / 8 entries
struct idt_gate *descriptors_idt(void); // IDT_VECTORS entries
uint64_t descriptors_spare_stack(void); // the top of stack IST_SPARE
void idt_set(unsigned vector, const void *entry, unsigned ist, unsigned dpl);
