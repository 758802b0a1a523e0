// SPDX-License-Identifier: MIT
// Multiplies and divides (SDM Vol. 2: MUL, IMUL, DIV, IDIV).
#include "vmm/emulate/emulate_multiply.h"

#include "arch/x86/registers.h"
#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/emulate/decode.h"
#include "vmm/emulate/emulate.h"
#include "vmm/emulate/emulate_fault.h"
#include "vmm/emulate/emulate_operands.h"
#include "vmm/emulate/emulate_registers.h"
#include "vmm/emulate/emulate_state.h"
#include "vmm/memory/guest_walk.h"
#include "vmm/util/types.h"

// A number of twice the operand's width. After a division: quotient (low) and remainder (high).
struct product {
    uint64_t low;
    uint64_t high;
};

// With bytes, the high half is AH. Otherwise it is RDX.
static struct register_operand high_register(unsigned width)
{
    return width == 1 ? (struct register_operand){.number = GPR_RAX, .high_byte = true}
                      : (struct register_operand){.number = GPR_RDX};
}

static const struct register_operand low_register = {.number = GPR_RAX};

static void set_accumulator(struct emulator *emulator, struct product product)
{
    unsigned width = emulator->instruction.width;
    emulator_set(emulator, low_register, width, product.low);
    emulator_set(emulator, high_register(width), width, product.high);
}

static struct product split(unsigned __int128 product, unsigned width)
{
    return (struct product){low_bytes((uint64_t)product, width),
                            low_bytes((uint64_t)(product >> (8 * width)), width)};
}

static struct product multiply_signed(unsigned width, uint64_t a, uint64_t b)
{
    __int128 product = (__int128)(int64_t)sign_extend(a, width) * (int64_t)sign_extend(b, width);
    return split((unsigned __int128)product, width);
}

// CF and OF say that the product does not fit into its low half.
static void set_overflow(struct emulator *emulator, bool overflow)
{
    uint64_t flags = RFLAGS_CF | RFLAGS_OF;
    emulator_set_flags(emulator, (emulator->paging.rflags & ~flags) | (overflow ? flags : 0));
}

static bool overflows_signed(struct product product, unsigned width)
{
    uint64_t sign = low_bytes(product.low >> (8 * width - 1) ? UINT64_MAX : 0, width);
    return product.high != sign;
}

static void multiply(struct emulator *emulator, uint64_t factor)
{
    unsigned width = emulator->instruction.width;
    uint64_t accumulator = emulator_get(emulator, low_register, width);
    bool is_signed = emulator->instruction.operation == OPERATION_IMUL;
    struct product product = is_signed ? multiply_signed(width, accumulator, factor)
                                       : split((unsigned __int128)accumulator * factor, width);
    set_accumulator(emulator, product);
    set_overflow(emulator, is_signed ? overflows_signed(product, width) : product.high != 0);
}

// Divides bit by bit. False: the quotient does not fit.
static bool divide_unsigned(unsigned width, struct product dividend, uint64_t divisor,
                            struct product *result)
{
    uint64_t remainder = dividend.high;
    uint64_t quotient = 0;
    if (remainder >= divisor) {
        return false;
    }
    for (unsigned i = 8 * width; i-- > 0;) {
        bool carry = remainder >> 63 != 0;
        remainder = remainder << 1 | (dividend.low >> i & 1);
        if (carry || remainder >= divisor) {
            remainder -= divisor;
            quotient |= BIT(i);
        }
    }
    *result = (struct product){quotient, remainder};
    return true;
}

static struct product negate(struct product number, unsigned width)
{
    uint64_t low = low_bytes(0 - number.low, width);
    return (struct product){low, low_bytes(~number.high + (low == 0), width)};
}

// Divides the absolute values. The remainder has the dividend's sign.
static bool divide_signed(unsigned width, struct product dividend, uint64_t divisor,
                          struct product *result)
{
    uint64_t sign = BIT(8 * width - 1);
    bool negative = (dividend.high & sign) != 0;
    bool opposite = negative != ((divisor & sign) != 0);
    if ((divisor & sign) != 0) {
        divisor = low_bytes(0 - divisor, width);
    }
    if (!divide_unsigned(width, negative ? negate(dividend, width) : dividend, divisor, result) ||
        result->low > sign - !opposite) {
        return false;
    }
    if (opposite) {
        result->low = 0 - result->low;
    }
    if (negative) {
        result->high = 0 - result->high;
    }
    return true;
}

static enum emulate_result divide(struct emulator *emulator, uint64_t divisor)
{
    unsigned width = emulator->instruction.width;
    struct product dividend = {emulator_get(emulator, low_register, width),
                               emulator_get(emulator, high_register(width), width)};
    struct product result;
    bool fits = emulator->instruction.operation == OPERATION_IDIV
                    ? divide_signed(width, dividend, divisor, &result)
                    : divide_unsigned(width, dividend, divisor, &result);
    if (!fits) {
        return emulator_fault(emulator, VECTOR_DE, 0);
    }
    set_accumulator(emulator, result);
    return EMULATE_DONE;
}

enum emulate_result emulator_multiply_accumulator(struct emulator *emulator)
{
    enum operation operation = emulator->instruction.operation;
    uint64_t value;
    gva_t linear;
    enum emulate_result result = emulator_read_operand(emulator, 0, ACCESS_READ, &linear, &value);
    if (result != EMULATE_DONE) {
        return result;
    }
    if (operation == OPERATION_DIV || operation == OPERATION_IDIV) {
        return divide(emulator, value);
    }
    multiply(emulator, value);
    return EMULATE_DONE;
}

enum emulate_result emulator_multiply_register(struct emulator *emulator)
{
    const struct instruction *instruction = &emulator->instruction;
    unsigned width = instruction->width;
    struct product product;
    uint64_t source;
    enum emulate_result result = emulator_read_source(emulator, &source);
    if (result != EMULATE_DONE) {
        return result;
    }
    product = multiply_signed(width, source,
                              instruction->operation == OPERATION_IMUL_IMMEDIATE
                                  ? instruction->immediate
                                  : emulator_get(emulator, instruction->reg, width));
    emulator_set(emulator, instruction->reg, width, product.low);
    set_overflow(emulator, overflows_signed(product, width));
    return EMULATE_DONE;
}
