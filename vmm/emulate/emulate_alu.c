// SPDX-License-Identifier: MIT
// Arithmetic of the guest: results and flags (SDM Vol. 1 3.4.3.1, Vol. 2).
#include "vmm/emulate/emulate_alu.h"

#include "arch/x86/registers.h"

// The flags that follow from the result alone.
static uint64_t result_flags(uint64_t result, unsigned width)
{
    uint64_t flags = 0;
    if (__builtin_parity((unsigned)result & 0xff) == 0) {
        flags |= RFLAGS_PF;
    }
    if (result == 0) {
        flags |= RFLAGS_ZF;
    }
    if ((result >> (8 * width - 1) & 1) != 0) {
        flags |= RFLAGS_SF;
    }
    return flags;
}

// The top bit of `overflow` is OF: the caller has combined the signs of operands and result.
static uint64_t carry_flags(bool carry, uint64_t overflow, uint64_t nibbles, unsigned width)
{
    return (carry ? RFLAGS_CF : 0) | ((nibbles & 0x10) != 0 ? RFLAGS_AF : 0) |
           ((overflow >> (8 * width - 1) & 1) != 0 ? RFLAGS_OF : 0);
}

static uint64_t add(unsigned width, uint64_t a, uint64_t b, bool carry, uint64_t *flags)
{
    uint64_t result = (a + b + carry) & (UINT64_MAX >> (64 - 8 * width));
    *flags = result_flags(result, width) | carry_flags(result < a || (carry && result == a),
                                                       (a ^ result) & (b ^ result), a ^ b ^ result,
                                                       width);
    return result;
}

static uint64_t subtract(unsigned width, uint64_t a, uint64_t b, bool borrow, uint64_t *flags)
{
    uint64_t result = (a - b - borrow) & (UINT64_MAX >> (64 - 8 * width));
    *flags =
        result_flags(result, width) |
        carry_flags(a < b || (borrow && a == b), (a ^ b) & (a ^ result), a ^ b ^ result, width);
    return result;
}

static uint64_t logic(unsigned width, uint64_t result, uint64_t *flags)
{
    *flags = result_flags(result, width);
    return result;
}

static uint64_t compute(enum operation operation, unsigned width, uint64_t a, uint64_t b,
                        bool carry, uint64_t *flags)
{
    switch (operation) {
    case OPERATION_ADD:
        return add(width, a, b, false, flags);
    case OPERATION_ADC:
        return add(width, a, b, carry, flags);
    case OPERATION_SBB:
        return subtract(width, a, b, carry, flags);
    case OPERATION_OR:
        return logic(width, a | b, flags);
    case OPERATION_AND:
    case OPERATION_TEST:
        return logic(width, a & b, flags);
    case OPERATION_XOR:
        return logic(width, a ^ b, flags);
    case OPERATION_INC:
        return add(width, a, 1, false, flags);
    case OPERATION_DEC:
        return subtract(width, a, 1, false, flags);
    case OPERATION_NEG:
        return subtract(width, 0, a, false, flags);
    default: // SUB, CMP
        return subtract(width, a, b, false, flags);
    }
}

uint64_t alu_compute(enum operation operation, unsigned width, uint64_t a, uint64_t b,
                     uint64_t *rflags)
{
    uint64_t mask = UINT64_MAX >> (64 - 8 * width);
    bool carry = (*rflags & RFLAGS_CF) != 0;
    uint64_t flags = 0;
    uint64_t result;
    if (operation == OPERATION_NOT) {
        return ~a & mask; // no flags
    }
    result = compute(operation, width, a & mask, b & mask, carry, &flags);
    if (operation == OPERATION_INC || operation == OPERATION_DEC) {
        flags = (flags & ~RFLAGS_CF) | (*rflags & RFLAGS_CF);
    }
    *rflags = (*rflags & ~RFLAGS_STATUS) | flags;
    return result;
}
