// SPDX-License-Identifier: MIT
// Rotates and shifts of the guest, bit by bit: what the flags are follows from the last step.
#include "vmm/emulate/emulate_shift.h"

#include "arch/x86/registers.h"
#include "vmm/emulate/decode.h"
#include "vmm/emulate/emulate_alu.h"
#include "vmm/util/types.h"

// A value on its way, with the carry flag. Bits above the value's width are 0.
struct shifted {
    uint64_t value;
    uint64_t filler;
    bool carry;
};

// Moves the value to the left by one bit, and `in` into its lowest bit.
static void left(struct shifted *shifted, uint64_t top, bool in)
{
    shifted->carry = (shifted->value & top) != 0;
    shifted->value = ((shifted->value & ~top) << 1) | in;
}

static void right(struct shifted *shifted, uint64_t top, bool in)
{
    shifted->carry = (shifted->value & 1) != 0;
    shifted->value = shifted->value >> 1 | (in ? top : 0);
}

static bool next_filler(struct shifted *shifted, enum operation operation, uint64_t top)
{
    uint64_t filler = shifted->filler;
    bool up = operation == OPERATION_SHLD;
    shifted->filler = up ? filler << 1 : filler >> 1;
    return (filler & (up ? top : 1)) != 0;
}

static void step(struct shifted *shifted, enum operation operation, uint64_t top)
{
    switch (operation) {
    case OPERATION_ROL:
        left(shifted, top, (shifted->value & top) != 0);
        break;
    case OPERATION_ROR:
        right(shifted, top, (shifted->value & 1) != 0);
        break;
    case OPERATION_RCL:
        left(shifted, top, shifted->carry);
        break;
    case OPERATION_RCR:
        right(shifted, top, shifted->carry);
        break;
    case OPERATION_SHL:
        left(shifted, top, false);
        break;
    case OPERATION_SHR:
        right(shifted, top, false);
        break;
    case OPERATION_SAR:
        right(shifted, top, (shifted->value & top) != 0);
        break;
    case OPERATION_SHLD:
        left(shifted, top, next_filler(shifted, operation, top));
        break;
    default: // SHRD
        right(shifted, top, next_filler(shifted, operation, top));
        break;
    }
}

static bool is_rotate(enum operation operation)
{
    return operation >= OPERATION_ROL && operation <= OPERATION_RCR;
}

// OF says that the last step changed the highest bit. For ROL to the left it is the new highest bit
// against the carry, which is the same thing.
uint64_t alu_shift(enum operation operation, unsigned width, uint64_t value, uint64_t filler,
                   unsigned count, uint64_t *rflags)
{
    uint64_t top = BIT(8 * width - 1);
    struct shifted shifted = {value, filler, (*rflags & RFLAGS_CF) != 0};
    uint64_t before = value;
    uint64_t flags = RFLAGS_CF | RFLAGS_OF;
    count &= width == 8 ? 63 : 31;
    if (count == 0) {
        return value;
    }
    for (unsigned i = 0; i < count; i++) {
        before = shifted.value;
        step(&shifted, operation, top);
    }
    if (!is_rotate(operation)) {
        (void)alu_compute(OPERATION_TEST, width, shifted.value, shifted.value, rflags);
    }
    *rflags = (*rflags & ~flags) | (shifted.carry ? RFLAGS_CF : 0) |
              (((before ^ shifted.value) & top) != 0 ? RFLAGS_OF : 0);
    return shifted.value;
}
