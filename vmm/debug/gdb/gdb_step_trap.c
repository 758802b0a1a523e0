// SPDX-License-Identifier: MIT
// Hides from the guest the RFLAGS.TF of a step: the instructions that would show it, or that would
// lose it, are known by their bytes (APM Vol. 3).
//
// PUSHF and SYSCALL store RFLAGS, and SYSCALL and SYSRET load RFLAGS in such a way that no trap
// would follow. INT n, INT3 and INTO push RFLAGS and clear TF, so they become events.
#include "vmm/debug/gdb/gdb_step_trap.h"

#include "arch/x86/registers.h"
#include "vmm/debug/gdb/gdb_memory.h"
#include "vmm/debug/gdb/gdb_target.h"
#include "vmm/util/legacy_prefix.h"
#include "vmm/vcpu/vcpu.h"

#define INSTRUCTION_BYTES_MAX 15
#define REX 0x40
#define REX_MASK 0xf0

struct code {
    bool is_64bit;
    uint8_t length;    // of the prefixes and the first byte of the opcode
    uint8_t opcode;    // its first byte
    uint8_t following; // the byte behind it
};

static struct gdb_place linear(const struct vcpu *vcpu, uint64_t address, bool is_64bit)
{
    return (struct gdb_place){.thread = {.vcpu = vcpu->index},
                              .address = is_64bit ? address : (uint32_t)address};
}

static bool is_prefix(uint8_t byte, bool is_64bit)
{
    bool is_rex = is_64bit && (byte & REX_MASK) == REX;
    return is_rex || is_legacy_prefix(byte);
}

// Reads the instruction that is next. False: it cannot be read.
static bool read_code(const struct vcpu *vcpu, struct code *code)
{
    uint8_t bytes[INSTRUCTION_BYTES_MAX + 1] = {0};
    struct segment cs;
    unsigned at = 0;
    code->is_64bit = vcpu_in_64bit_mode(vcpu);
    vcpu->ops->get_segment(&vcpu->core, SEGMENT_CS, &cs);
    uint64_t address = vcpu_register(vcpu, REG_RIP) + (code->is_64bit ? 0 : cs.base);
    size_t count = gdb_memory_read(vcpu->vm, linear(vcpu, address, code->is_64bit), bytes,
                                   INSTRUCTION_BYTES_MAX);
    while (at < count && is_prefix(bytes[at], code->is_64bit)) {
        at++;
    }
    code->opcode = bytes[at];
    code->following = bytes[at + 1 < sizeof(bytes) ? at + 1 : at];
    code->length = (uint8_t)(at + 1);
    return at < count;
}

// ---- INT n ----

static enum step call_handler(struct vcpu *vcpu, uint8_t vector, unsigned length)
{
    struct event event = {.type = EVENT_SOFTWARE, .vector = vector, .length = (uint8_t)length};
    if (vcpu_register(vcpu, REG_RFLAGS) & RFLAGS_VM) { // the TSS may say that it calls no handler
        return STEP_INSTRUCTION;
    }
    uint64_t shadow = vcpu_register(vcpu, REG_INTERRUPT_SHADOW);
    vcpu_set_register(vcpu, REG_INTERRUPT_SHADOW, shadow & ~(uint64_t)(SHADOW_STI | SHADOW_MOV_SS));
    (void)vcpu->ops->inject(&vcpu->core, &event); // succeeds: no other event waits
    return STEP_INSTRUCTION;
}

// ---- SYSCALL and SYSRET ----

// With TF in the mask, SYSCALL would clear TF, and no trap would follow.
static void begin_syscall(struct gdb_step_trap *trap, struct vcpu *vcpu)
{
    trap->in = HIDDEN_IN_R11;
    trap->syscall_mask = vcpu_register(vcpu, REG_SYSCALL_MASK);
    vcpu_set_register(vcpu, REG_SYSCALL_MASK, trap->syscall_mask & ~(uint64_t)RFLAGS_TF);
}

// Without TF in R11, SYSRET would clear TF.
static enum step begin_sysret(struct gdb_step_trap *trap, struct vcpu *vcpu)
{
    uint64_t r11 = vcpu_gpr(vcpu, GPR_R11);
    if (r11 & RFLAGS_TF) {
        return STEP_LOADS_FLAGS;
    }
    trap->in = HIDDEN_IN_R11_BEFORE;
    vcpu_set_gpr(vcpu, GPR_R11, r11 | RFLAGS_TF);
    return STEP_INSTRUCTION;
}

static enum step begin_two_byte(struct gdb_step_trap *trap, struct vcpu *vcpu,
                                const struct code *code, bool own_tf)
{
    if (code->following == 0x05 && !own_tf) {
        begin_syscall(trap, vcpu);
    } else if (code->following == 0x07) {
        return begin_sysret(trap, vcpu);
    }
    return STEP_INSTRUCTION;
}

// ---- The step ----

enum step gdb_step_trap_begin(struct gdb_step_trap *trap, struct vcpu *vcpu)
{
    struct code code;
    uint64_t rflags = vcpu_register(vcpu, REG_RFLAGS);
    trap->in = HIDDEN_NOWHERE;
    if (vcpu_register(vcpu, REG_EVENT_WAITING) || !read_code(vcpu, &code)) {
        return STEP_INSTRUCTION;
    }
    switch (code.opcode) {
    case 0x0f:
        return begin_two_byte(trap, vcpu, &code, rflags & RFLAGS_TF);
    case 0x9c: // PUSHF
        trap->in = rflags & RFLAGS_TF ? HIDDEN_NOWHERE : HIDDEN_ON_STACK;
        return STEP_INSTRUCTION;
    case 0x9d: // POPF
    case 0xcf: // IRET
        return STEP_LOADS_FLAGS;
    case 0xcc: // INT3
        return call_handler(vcpu, VECTOR_BP, code.length);
    case 0xcd: // INT n
        return call_handler(vcpu, code.following, code.length + 1U);
    case 0xce: // INTO
        return (rflags & RFLAGS_OF) && !code.is_64bit ? call_handler(vcpu, VECTOR_OF, code.length)
                                                      : STEP_INSTRUCTION;
    case 0xf4: // HLT
        return vcpu_register(vcpu, REG_CPL) == 0 ? STEP_EXITS : STEP_INSTRUCTION;
    default:
        return STEP_INSTRUCTION;
    }
}

// PUSHF has stored RFLAGS at SS:RSP, with 16, 32 or 64 bits. TF is bit 0 of the second byte.
static void hide_on_stack(struct vcpu *vcpu)
{
    struct segment ss;
    uint8_t flags;
    bool is_64bit = vcpu_in_64bit_mode(vcpu);
    uint64_t address = vcpu_register(vcpu, REG_RSP) + 1;
    vcpu->ops->get_segment(&vcpu->core, SEGMENT_SS, &ss);
    if (!is_64bit) {
        address = (address & (ss.attributes & SEGMENT_DB ? UINT32_MAX : UINT16_MAX)) + ss.base;
    }
    struct gdb_place place = linear(vcpu, address, is_64bit);
    if (gdb_memory_read(vcpu->vm, place, &flags, 1) == 1) {
        flags &= (uint8_t) ~(RFLAGS_TF >> 8);
        (void)gdb_memory_write(vcpu->vm, place, &flags, 1);
    }
}

static void hide_in_r11(struct vcpu *vcpu)
{
    vcpu_set_gpr(vcpu, GPR_R11, vcpu_gpr(vcpu, GPR_R11) & ~(uint64_t)RFLAGS_TF);
}

void gdb_step_trap_end(const struct gdb_step_trap *trap, struct vcpu *vcpu, bool done)
{
    switch (trap->in) {
    case HIDDEN_NOWHERE:
        break;
    case HIDDEN_ON_STACK:
        if (done) {
            hide_on_stack(vcpu);
        }
        break;
    case HIDDEN_IN_R11:
        vcpu_set_register(vcpu, REG_SYSCALL_MASK, trap->syscall_mask);
        if (done) {
            hide_in_r11(vcpu);
        }
        break;
    case HIDDEN_IN_R11_BEFORE:
        hide_in_r11(vcpu);
        break;
    }
}
