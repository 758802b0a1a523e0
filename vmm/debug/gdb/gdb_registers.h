// SPDX-License-Identifier: MIT
// The registers that GDB is shown: their order, and the XML that describes them (GDB manual,
// appendix G, "Target Descriptions", "i386 Features"). Pure.
#pragma once

#include "vmm/util/types.h"

struct gdb_writer;

// The general registers in GDB's order.
enum gdb_general {
    GDB_RAX,
    GDB_RBX,
    GDB_RCX,
    GDB_RDX,
    GDB_RSI,
    GDB_RDI,
    GDB_RBP,
    GDB_RSP,
    GDB_R8,
    GDB_R15 = GDB_R8 + 7,
    GDB_RIP,
    GDB_GENERAL
};

enum gdb_selector { GDB_CS, GDB_SS, GDB_DS, GDB_ES, GDB_FS, GDB_GS, GDB_SELECTORS };

// The x87 unit's control registers in GDB's order.
enum gdb_x87 {
    GDB_FCTRL,
    GDB_FSTAT,
    GDB_FTAG,
    GDB_FISEG,
    GDB_FIOFF,
    GDB_FOSEG,
    GDB_FOOFF,
    GDB_FOP,
    GDB_X87
};

// What only a system's own code sees. GDB reads these and does not write them.
enum gdb_system {
    GDB_CS_BASE,
    GDB_SS_BASE,
    GDB_DS_BASE,
    GDB_ES_BASE,
    GDB_LDTR,
    GDB_LDTR_BASE,
    GDB_TR,
    GDB_TR_BASE,
    GDB_GDTR_BASE,
    GDB_GDTR_LIMIT,
    GDB_IDTR_BASE,
    GDB_IDTR_LIMIT,
    GDB_CR0,
    GDB_CR2,
    GDB_CR3,
    GDB_CR4,
    GDB_CR8,
    GDB_EFER,
    GDB_XCR0,
    GDB_DR0,
    GDB_DR1,
    GDB_DR2,
    GDB_DR3,
    GDB_DR6,
    GDB_DR7,
    GDB_PAT,
    GDB_APIC_BASE,
    GDB_SYSENTER_CS,
    GDB_SYSENTER_ESP,
    GDB_SYSENTER_EIP,
    GDB_SYSTEM
};

#define GDB_X87_BYTES 10
#define GDB_X87_REGISTERS 8
#define GDB_VECTORS 16

// All registers of a vCPU.
struct gdb_registers {
    uint64_t general[GDB_GENERAL];
    uint32_t rflags;
    uint32_t selectors[GDB_SELECTORS];
    uint8_t st[GDB_X87_REGISTERS][GDB_X87_BYTES];
    uint32_t x87[GDB_X87];
    uint8_t xmm[GDB_VECTORS][16];
    uint32_t mxcsr;
    uint8_t ymm_high[GDB_VECTORS][16]; // bits 128 to 255 of YMM0 to YMM15
    uint64_t fs_base;
    uint64_t gs_base;
    uint64_t system[GDB_SYSTEM];
};

// The bytes of register `number`, counted in GDB's order from 0 on, and how many there are. NULL:
// there is no such register.
uint8_t *gdb_register_at(struct gdb_registers *registers, unsigned number, unsigned *bytes);

// target.xml
void gdb_registers_describe(struct gdb_writer *writer);
