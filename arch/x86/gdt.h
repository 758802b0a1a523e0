// SPDX-License-Identifier: MIT
// Segments: one GDT and one task state segment for each CPU (SDM Vol. 3A 3.4, 7.7).
#pragma once

#include "vmm/util/types.h"

#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_TSS 0x18

// The stacks in the TSS's interrupt stack table. Their exceptions may come at any instruction, so
// they cannot use the stack that they interrupt.
enum interrupt_stack { IST_NONE, IST_NMI, IST_DOUBLE_FAULT, IST_MACHINE_CHECK, IST_COUNT };

struct PACKED tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7]; // [IST_NMI - 1] and so on
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_map;
};

static_assert(sizeof(struct tss) == 104, "SDM Vol. 3A 7.7");
static_assert(offsetof(struct tss, ist) == 36, "SDM Vol. 3A figure 7-11");

#define TSS_LIMIT (sizeof(struct tss) - 1)

struct gdt {
    uint64_t entries[5]; // null, code, data, and two for the TSS
};

static_assert(sizeof(struct gdt) == SELECTOR_TSS + 16, "selectors are offsets");

// Fills `gdt` with flat 64-bit segments and `tss`.
void gdt_fill(struct gdt *gdt, struct tss *tss);

// Loads this CPU's GDTR, segment registers and TR.
void gdt_load(struct gdt *gdt);
