// SPDX-License-Identifier: MIT
// A guest's general registers and flags, as operands of an emulated instruction.
#pragma once

#include "vmm/backend.h"
#include "vmm/emulate/decode.h"
#include "vmm/emulate/emulate_state.h"
#include "vmm/util/types.h"

// The lowest `width` bytes of a value (1 to 8).
static inline uint64_t low_bytes(uint64_t value, unsigned width)
{
    return value & (UINT64_MAX >> (64 - 8 * width));
}

static inline uint64_t sign_extend(uint64_t value, unsigned width)
{
    unsigned shift = 64 - 8 * width;
    return (uint64_t)((int64_t)(value << shift) >> shift);
}

// The whole of a general register.
static inline uint64_t gpr_whole(const struct vcpu_core *vcpu, const struct vcpu_ops *ops,
                                 unsigned number)
{
    return number == GPR_RSP ? ops->get_register(vcpu, REG_RSP) : vcpu->registers.gpr[number];
}

static inline uint64_t emulator_get(const struct emulator *emulator, struct register_operand reg,
                                    unsigned width)
{
    uint64_t whole = gpr_whole(emulator->vcpu, emulator->ops, reg.number);
    return low_bytes(whole >> (reg.high_byte ? 8 : 0), width);
}

// Writes 1 or 2 bytes of a register and leaves the rest; 4 bytes clear the upper half.
void emulator_set(struct emulator *emulator, struct register_operand reg, unsigned width,
                  uint64_t value);
void emulator_set_flags(struct emulator *emulator, uint64_t rflags);
