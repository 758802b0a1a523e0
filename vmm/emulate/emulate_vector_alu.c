// SPDX-License-Identifier: MIT
// What vector instructions compute, element by element (SDM Vol. 2).
#include "vmm/emulate/emulate_vector_alu.h"

#include "arch/x86/registers.h"
#include "vmm/backend.h"
#include "vmm/emulate/decode.h"
#include "vmm/emulate/emulate_registers.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define LANE 16U // many operations do not cross the border between two of these

static uint64_t element_at(const struct vector *vector, unsigned at, unsigned bytes)
{
    uint64_t value = 0;
    memcpy(&value, vector->bytes + at, bytes);
    return value;
}

static uint64_t combine(enum vector_operation operation, unsigned width, uint64_t a, uint64_t b)
{
    int64_t signed_a = (int64_t)sign_extend(a, width);
    int64_t signed_b = (int64_t)sign_extend(b, width);
    switch (operation) {
    case VECTOR_AND:
        return a & b;
    case VECTOR_AND_NOT:
        return ~a & b;
    case VECTOR_OR:
        return a | b;
    case VECTOR_XOR:
        return a ^ b;
    case VECTOR_EQUAL:
        return a == b ? UINT64_MAX : 0;
    case VECTOR_GREATER:
        return signed_a > signed_b ? UINT64_MAX : 0;
    case VECTOR_ADD:
        return a + b;
    case VECTOR_SUBTRACT:
        return a - b;
    case VECTOR_MINIMUM:
        return MIN(a, b);
    case VECTOR_MAXIMUM:
        return MAX(a, b);
    case VECTOR_MINIMUM_SIGNED:
        return signed_a < signed_b ? a : b;
    default: // VECTOR_MAXIMUM_SIGNED
        return signed_a > signed_b ? a : b;
    }
}

static void combine_all(const struct vector_instruction *instruction, const struct vector *first,
                        const struct vector *operand, struct vector *out)
{
    unsigned bytes = instruction->element;
    for (unsigned at = 0; at < instruction->width; at += bytes) {
        uint64_t value = combine(instruction->operation, bytes, element_at(first, at, bytes),
                                 element_at(operand, at, bytes));
        memcpy(out->bytes + at, &value, bytes);
    }
}

// `odd`: each second element counts, otherwise each first.
static void repeat(const struct vector_instruction *instruction, bool odd,
                   const struct vector *operand, struct vector *out)
{
    unsigned bytes = instruction->element;
    for (unsigned at = 0; at < instruction->width; at += bytes) {
        unsigned from = (at & ~(2 * bytes - 1)) + (odd ? bytes : 0);
        memcpy(out->bytes + at, operand->bytes + from, bytes);
    }
}

static void broadcast(const struct vector_instruction *instruction, const struct vector *operand,
                      struct vector *out)
{
    for (unsigned at = 0; at < instruction->width; at += instruction->bytes) {
        memcpy(out->bytes + at, operand->bytes, instruction->bytes);
    }
}

static void insert(const struct vector_instruction *instruction, uint8_t immediate,
                   const struct vector *operand, struct vector *out)
{
    unsigned at = (unsigned)immediate * instruction->bytes & (instruction->width - 1U);
    memcpy(out->bytes + at, operand->bytes, instruction->bytes);
}

// Bits 5 and 4 of the immediate say where, bits 3 to 0 what becomes 0.
static void insert_float(uint8_t immediate, const struct vector *operand, struct vector *out)
{
    size_t to = 4 * (size_t)(immediate >> 4 & 3);
    memcpy(out->bytes + to, operand->bytes, 4);
    for (size_t at = 0; at < LANE; at += 4) {
        if ((immediate >> (at / 4) & 1) != 0) {
            memset(out->bytes + at, 0, 4);
        }
    }
}

static void extend(const struct vector_instruction *instruction, const struct vector *operand,
                   struct vector *out)
{
    unsigned from = instruction->element;
    size_t factor = instruction->width / instruction->bytes;
    for (unsigned at = 0; at < instruction->bytes; at += from) {
        uint64_t value = element_at(operand, at, from);
        if (instruction->operation == VECTOR_EXTEND_SIGN) {
            value = sign_extend(value, from);
        }
        memcpy(out->bytes + at * factor, &value, from * factor);
    }
}

// Elements of both sources take turns, those of one half of each lane.
static void unpack(const struct vector_instruction *instruction, const struct vector *first,
                   const struct vector *operand, struct vector *out)
{
    unsigned bytes = instruction->element;
    unsigned half = instruction->operation == VECTOR_UNPACK_HIGH ? LANE / 2 : 0;
    for (unsigned at = 0; at < instruction->width; at += 2 * bytes) {
        unsigned from = (at & ~(LANE - 1)) + half + at % LANE / 2;
        memcpy(out->bytes + at, first->bytes + from, bytes);
        memcpy(out->bytes + at + bytes, operand->bytes + from, bytes);
    }
}

static void shuffle(const struct vector_instruction *instruction, uint8_t immediate,
                    const struct vector *operand, struct vector *out)
{
    for (unsigned at = 0; at < instruction->width; at += 4) {
        size_t chosen = immediate >> (at % LANE / 2) & 3;
        memcpy(out->bytes + at, operand->bytes + (at & ~(LANE - 1)) + 4 * chosen, 4);
    }
}

static void shuffle_bytes(const struct vector_instruction *instruction, const struct vector *first,
                          const struct vector *operand, struct vector *out)
{
    for (unsigned at = 0; at < instruction->width; at++) {
        uint8_t chosen = operand->bytes[at];
        out->bytes[at] =
            (chosen & 0x80) != 0 ? 0 : first->bytes[(at & ~(LANE - 1)) + chosen % LANE];
    }
}

// The lower half of one value, then the upper half of the other.
static void join(const uint8_t *low, const uint8_t *high, struct vector *out)
{
    memcpy(out->bytes, low, 8);
    memcpy(out->bytes + 8, high, 8);
}

// NOLINTNEXTLINE(readability-function-size): a case for each operation
void vector_compute(const struct vector_instruction *instruction, uint8_t immediate,
                    const struct vector *first, const struct vector *operand, struct vector *out)
{
    *out = (struct vector){0};
    switch (instruction->operation) {
    case VECTOR_LOW:
        join(operand->bytes, first->bytes + 8, out);
        break;
    case VECTOR_HIGH:
        join(first->bytes, operand->bytes, out);
        break;
    case VECTOR_REPEAT_EVEN:
    case VECTOR_REPEAT_ODD:
        repeat(instruction, instruction->operation == VECTOR_REPEAT_ODD, operand, out);
        break;
    case VECTOR_BROADCAST:
        broadcast(instruction, operand, out);
        break;
    case VECTOR_INSERT:
        memcpy(out->bytes, first->bytes, instruction->width);
        insert(instruction, immediate, operand, out);
        break;
    case VECTOR_INSERT_FLOAT:
        memcpy(out->bytes, first->bytes, instruction->width);
        insert_float(immediate, operand, out);
        break;
    case VECTOR_EXTEND_SIGN:
    case VECTOR_EXTEND_ZERO:
        extend(instruction, operand, out);
        break;
    case VECTOR_UNPACK_LOW:
    case VECTOR_UNPACK_HIGH:
        unpack(instruction, first, operand, out);
        break;
    case VECTOR_SHUFFLE:
        shuffle(instruction, immediate, operand, out);
        break;
    case VECTOR_SHUFFLE_BYTES:
        shuffle_bytes(instruction, first, operand, out);
        break;
    default:
        combine_all(instruction, first, operand, out);
        break;
    }
}

uint64_t vector_test(const struct vector *first, const struct vector *operand, unsigned width,
                     uint64_t rflags)
{
    uint64_t common = 0;
    uint64_t missing = 0;
    for (unsigned at = 0; at < width; at += 8) {
        common |= element_at(first, at, 8) & element_at(operand, at, 8);
        missing |= ~element_at(first, at, 8) & element_at(operand, at, 8);
    }
    rflags &= ~(uint64_t)(RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF);
    return rflags | (common == 0 ? RFLAGS_ZF : 0) | (missing == 0 ? RFLAGS_CF : 0);
}

uint64_t vector_signs(const struct vector *value, unsigned element, unsigned width)
{
    uint64_t signs = 0;
    for (unsigned i = 0; i < width / element; i++) {
        signs |= (uint64_t)(value->bytes[(i + 1) * element - 1] >> 7) << i;
    }
    return signs;
}
