// SPDX-License-Identifier: MIT
// Reads the registers of a vCPU for GDB, and writes them.
#include "vmm/debug/gdb/gdb_vcpu.h"

#include "arch/x86/registers.h"
#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/debug/gdb/gdb_fpu.h"
#include "vmm/debug/gdb/gdb_registers.h"
#include "vmm/devices/lapic.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/vcpu.h"

#define X87_PIECES (VECTOR_NUMBERS - VECTOR_X87)
// Bits of RFLAGS that an entry takes in every mode (SDM Vol. 3C 27.3.1.4), but for VM, which would
// change the meaning of the segments.
#define RFLAGS_WRITABLE (~(RFLAGS_RESERVED | RFLAGS_FIXED | RFLAGS_VM))

static const uint8_t general_of[GDB_GENERAL] = {
    [GDB_RAX] = GPR_RAX,    [GDB_RBX] = GPR_RBX,    [GDB_RCX] = GPR_RCX,    [GDB_RDX] = GPR_RDX,
    [GDB_RSI] = GPR_RSI,    [GDB_RDI] = GPR_RDI,    [GDB_RBP] = GPR_RBP,    [GDB_RSP] = GPR_RSP,
    [GDB_R8] = GPR_R8,      [GDB_R8 + 1] = GPR_R9,  [GDB_R8 + 2] = GPR_R10, [GDB_R8 + 3] = GPR_R11,
    [GDB_R8 + 4] = GPR_R12, [GDB_R8 + 5] = GPR_R13, [GDB_R8 + 6] = GPR_R14, [GDB_R15] = GPR_R15,
};

static const uint8_t selector_of[GDB_SELECTORS] = {
    [GDB_CS] = SEGMENT_CS, [GDB_SS] = SEGMENT_SS, [GDB_DS] = SEGMENT_DS,
    [GDB_ES] = SEGMENT_ES, [GDB_FS] = SEGMENT_FS, [GDB_GS] = SEGMENT_GS,
};

// The system registers that the back end has under a number of its own.
static const struct {
    uint8_t system;
    uint8_t which;
} plain[] = {
    {GDB_CR0, REG_CR0},
    {GDB_CR2, REG_CR2},
    {GDB_CR3, REG_CR3},
    {GDB_CR4, REG_CR4},
    {GDB_EFER, REG_EFER},
    {GDB_XCR0, REG_XCR0},
    {GDB_DR0, REG_DR0},
    {GDB_DR1, REG_DR1},
    {GDB_DR2, REG_DR2},
    {GDB_DR3, REG_DR3},
    {GDB_DR6, REG_DR6},
    {GDB_DR7, REG_DR7},
    {GDB_PAT, REG_PAT},
    {GDB_SYSENTER_CS, REG_SYSENTER_CS},
    {GDB_SYSENTER_ESP, REG_SYSENTER_ESP},
    {GDB_SYSENTER_EIP, REG_SYSENTER_EIP},
};

// Where each segment's selector, base and limit go; GDB_SYSTEM: nowhere.
static const struct {
    uint8_t segment;
    uint8_t selector;
    uint8_t base;
    uint8_t limit;
} segments[] = {
    {SEGMENT_CS, GDB_SYSTEM, GDB_CS_BASE, GDB_SYSTEM},
    {SEGMENT_SS, GDB_SYSTEM, GDB_SS_BASE, GDB_SYSTEM},
    {SEGMENT_DS, GDB_SYSTEM, GDB_DS_BASE, GDB_SYSTEM},
    {SEGMENT_ES, GDB_SYSTEM, GDB_ES_BASE, GDB_SYSTEM},
    {SEGMENT_LDTR, GDB_LDTR, GDB_LDTR_BASE, GDB_SYSTEM},
    {SEGMENT_TR, GDB_TR, GDB_TR_BASE, GDB_SYSTEM},
    {SEGMENT_GDTR, GDB_SYSTEM, GDB_GDTR_BASE, GDB_GDTR_LIMIT},
    {SEGMENT_IDTR, GDB_SYSTEM, GDB_IDTR_BASE, GDB_IDTR_LIMIT},
};

static struct segment segment_of(const struct vcpu *vcpu, enum guest_segment which)
{
    struct segment segment;
    vcpu->ops->get_segment(&vcpu->core, which, &segment);
    return segment;
}

// ---- Reading ----

static void get_system(const struct vcpu *vcpu, uint64_t *system)
{
    for (unsigned i = 0; i < ARRAY_SIZE(plain); i++) {
        system[plain[i].system] = vcpu_register(vcpu, plain[i].which);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(segments); i++) {
        struct segment segment = segment_of(vcpu, segments[i].segment);
        system[segments[i].base] = segment.base;
        if (segments[i].selector != GDB_SYSTEM) {
            system[segments[i].selector] = segment.selector;
        }
        if (segments[i].limit != GDB_SYSTEM) {
            system[segments[i].limit] = segment.limit;
        }
    }
    system[GDB_CR8] = lapic_cr8(&vcpu->lapic);
    system[GDB_APIC_BASE] = lapic_base(&vcpu->lapic);
}

static void get_x87(struct vcpu *vcpu, struct vector image[X87_PIECES])
{
    for (unsigned i = 0; i < X87_PIECES; i++) {
        vcpu->ops->vectors->get(&vcpu->core, VECTOR_X87 + i, &image[i]);
    }
}

void gdb_vcpu_get(struct vcpu *vcpu, struct gdb_registers *registers)
{
    struct vector image[X87_PIECES];
    memset(registers, 0, sizeof(*registers));
    for (unsigned i = 0; i < GDB_RIP; i++) {
        registers->general[i] = vcpu_gpr(vcpu, general_of[i]);
    }
    registers->general[GDB_RIP] = vcpu_register(vcpu, REG_RIP);
    registers->rflags = (uint32_t)vcpu_register(vcpu, REG_RFLAGS);
    for (unsigned i = 0; i < GDB_SELECTORS; i++) {
        registers->selectors[i] = segment_of(vcpu, selector_of[i]).selector;
    }
    get_x87(vcpu, image);
    gdb_fpu_get(image[0].bytes, registers);
    for (unsigned i = 0; i < GDB_VECTORS; i++) {
        struct vector value;
        vcpu->ops->vectors->get(&vcpu->core, VECTOR_ZMM0 + i, &value);
        memcpy(registers->xmm[i], value.bytes, sizeof(registers->xmm[i]));
        memcpy(registers->ymm_high[i], value.bytes + sizeof(registers->xmm[i]),
               sizeof(registers->ymm_high[i]));
    }
    registers->fs_base = segment_of(vcpu, SEGMENT_FS).base;
    registers->gs_base = segment_of(vcpu, SEGMENT_GS).base;
    get_system(vcpu, registers->system);
}

// ---- Writing ----

static bool is_canonical(const struct vcpu *vcpu, uint64_t address)
{
    bool wide = vcpu_register(vcpu, REG_CR4) & CR4_LA57;
    return address_is_canonical(address, wide ? LINEAR_BITS_LA57 : LINEAR_BITS);
}

// Whether an instruction or a segment may begin at the address: an entry checks that (SDM Vol. 3C
// 27.3.1.2, 27.3.1.4).
static bool is_address(const struct vcpu *vcpu, uint64_t address, bool in_64bit_mode)
{
    return in_64bit_mode ? is_canonical(vcpu, address) : address <= UINT32_MAX;
}

static bool can_set(const struct vcpu *vcpu, const struct gdb_registers *before,
                    const struct gdb_registers *after)
{
    bool long_mode = vcpu_register(vcpu, REG_EFER) & EFER_LMA;
    return memcmp(before->selectors, after->selectors, sizeof(before->selectors)) == 0 &&
           memcmp(before->system, after->system, sizeof(before->system)) == 0 &&
           ((before->rflags ^ after->rflags) & ~RFLAGS_WRITABLE) == 0 &&
           is_address(vcpu, after->general[GDB_RIP], vcpu_in_64bit_mode(vcpu)) &&
           is_address(vcpu, after->fs_base, long_mode) &&
           is_address(vcpu, after->gs_base, long_mode);
}

// The shadow of STI and MOV SS belongs to the instruction that was next, and so does a HLT.
static void set_rip(struct vcpu *vcpu, uint64_t rip)
{
    uint64_t shadow = vcpu_register(vcpu, REG_INTERRUPT_SHADOW);
    vcpu_set_register(vcpu, REG_RIP, rip);
    vcpu_set_register(vcpu, REG_INTERRUPT_SHADOW, shadow & ~(uint64_t)(SHADOW_STI | SHADOW_MOV_SS));
    vcpu->halted = false;
}

static void set_base(struct vcpu *vcpu, enum guest_segment which, uint64_t base)
{
    struct segment segment = segment_of(vcpu, which);
    if (segment.base != base) {
        segment.base = base;
        vcpu->ops->set_segment(&vcpu->core, which, &segment);
    }
}

static void set_x87(struct vcpu *vcpu, const struct gdb_registers *registers)
{
    struct vector image[X87_PIECES];
    get_x87(vcpu, image);
    gdb_fpu_set(image[0].bytes, registers);
    for (unsigned i = 0; i < X87_PIECES; i++) {
        vcpu->ops->vectors->set(&vcpu->core, VECTOR_X87 + i, &image[i]);
    }
}

static void set_vector(struct vcpu *vcpu, unsigned number, const struct gdb_registers *registers)
{
    struct vector value;
    vcpu->ops->vectors->get(&vcpu->core, VECTOR_ZMM0 + number, &value);
    memcpy(value.bytes, registers->xmm[number], sizeof(registers->xmm[number]));
    memcpy(value.bytes + sizeof(registers->xmm[number]), registers->ymm_high[number],
           sizeof(registers->ymm_high[number]));
    vcpu->ops->vectors->set(&vcpu->core, VECTOR_ZMM0 + number, &value);
}

static void set_units(struct vcpu *vcpu, const struct gdb_registers *before,
                      const struct gdb_registers *after)
{
    if (memcmp(before->st, after->st, sizeof(after->st)) != 0 ||
        memcmp(before->x87, after->x87, sizeof(after->x87)) != 0 || before->mxcsr != after->mxcsr) {
        set_x87(vcpu, after);
    }
    for (unsigned i = 0; i < GDB_VECTORS; i++) {
        if (memcmp(before->xmm[i], after->xmm[i], sizeof(after->xmm[i])) != 0 ||
            memcmp(before->ymm_high[i], after->ymm_high[i], sizeof(after->ymm_high[i])) != 0) {
            set_vector(vcpu, i, after);
        }
    }
}

bool gdb_vcpu_set(struct vcpu *vcpu, const struct gdb_registers *registers)
{
    struct gdb_registers before;
    gdb_vcpu_get(vcpu, &before);
    if (!can_set(vcpu, &before, registers)) {
        return false;
    }
    for (unsigned i = 0; i < GDB_RIP; i++) {
        if (before.general[i] != registers->general[i]) {
            vcpu_set_gpr(vcpu, general_of[i], registers->general[i]);
        }
    }
    if (before.general[GDB_RIP] != registers->general[GDB_RIP]) {
        set_rip(vcpu, registers->general[GDB_RIP]);
    }
    if (before.rflags != registers->rflags) {
        vcpu_set_register(vcpu, REG_RFLAGS, registers->rflags);
    }
    set_base(vcpu, SEGMENT_FS, registers->fs_base);
    set_base(vcpu, SEGMENT_GS, registers->gs_base);
    set_units(vcpu, &before, registers);
    return true;
}
