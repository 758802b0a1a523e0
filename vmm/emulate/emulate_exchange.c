// SPDX-License-Identifier: MIT
// Carries out instructions that exchange registers with memory.
#include "vmm/emulate/emulate_exchange.h"

#include "arch/x86/registers.h"
#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/emulate/decode.h"
#include "vmm/emulate/emulate.h"
#include "vmm/emulate/emulate_alu.h"
#include "vmm/emulate/emulate_fault.h"
#include "vmm/emulate/emulate_memory.h"
#include "vmm/emulate/emulate_operands.h"
#include "vmm/emulate/emulate_registers.h"
#include "vmm/emulate/emulate_state.h"
#include "vmm/memory/guest_walk.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

static const struct register_operand accumulator = {.number = GPR_RAX};
static const struct register_operand expected_high = {.number = GPR_RDX};
static const struct register_operand new_low = {.number = GPR_RBX};
static const struct register_operand new_high = {.number = GPR_RCX};

// XCHG and XADD: the register gets the old value of the memory.
enum emulate_result emulator_exchange(struct emulator *emulator)
{
    const struct instruction *instruction = &emulator->instruction;
    uint64_t rflags = emulator->paging.rflags;
    uint64_t source = emulator_get(emulator, instruction->reg, instruction->width);
    uint64_t old;
    gva_t linear;
    enum emulate_result result =
        emulator_read_operand(emulator, 0, ACCESS_READ | ACCESS_WRITE, &linear, &old);
    if (result != EMULATE_DONE) {
        return result;
    }
    if (instruction->operation == OPERATION_XADD) {
        source = alu_compute(OPERATION_ADD, instruction->width, old, source, &rflags);
    }
    result = emulator_write(emulator, linear, instruction->width, source);
    if (result == EMULATE_DONE) {
        emulator_set(emulator, instruction->reg, instruction->width, old);
        emulator_set_flags(emulator, rflags);
    }
    return result;
}

// Writes to memory in both cases, as the processor does (SDM Vol. 2A, CMPXCHG).
enum emulate_result emulator_compare_exchange(struct emulator *emulator)
{
    const struct instruction *instruction = &emulator->instruction;
    uint64_t rflags = emulator->paging.rflags;
    uint64_t expected = emulator_get(emulator, accumulator, instruction->width);
    uint64_t old;
    bool equal;
    gva_t linear;
    enum emulate_result result =
        emulator_read_operand(emulator, 0, ACCESS_READ | ACCESS_WRITE, &linear, &old);
    if (result != EMULATE_DONE) {
        return result;
    }
    (void)alu_compute(OPERATION_CMP, instruction->width, expected, old, &rflags);
    equal = expected == old;
    result =
        emulator_write(emulator, linear, instruction->width,
                       equal ? emulator_get(emulator, instruction->reg, instruction->width) : old);
    if (result == EMULATE_DONE) {
        if (!equal) {
            emulator_set(emulator, accumulator, instruction->width, old);
        }
        emulator_set_flags(emulator, rflags);
    }
    return result;
}

// A pair of registers, or a pair of numbers of `width` bytes each in memory.
struct pair {
    uint64_t low;
    uint64_t high;
};

static enum emulate_result read_pair(struct emulator *emulator, gva_t linear, unsigned width,
                                     struct pair *pair)
{
    uint8_t bytes[16];
    enum emulate_result result =
        emulator_read_bytes(emulator, linear, 2 * width, ACCESS_READ | ACCESS_WRITE, bytes);
    *pair = (struct pair){0, 0};
    if (result == EMULATE_DONE) {
        memcpy(&pair->low, bytes, width);
        memcpy(&pair->high, bytes + width, width);
    }
    return result;
}

static enum emulate_result write_pair(struct emulator *emulator, gva_t linear, unsigned width,
                                      const struct pair *pair)
{
    uint8_t bytes[16];
    memcpy(bytes, &pair->low, width);
    memcpy(bytes + width, &pair->high, width);
    return emulator_write_bytes(emulator, linear, 2 * width, bytes);
}

static struct pair registers_of(const struct emulator *emulator, struct register_operand low,
                                struct register_operand high)
{
    unsigned width = emulator->instruction.width;
    return (struct pair){emulator_get(emulator, low, width), emulator_get(emulator, high, width)};
}

enum emulate_result emulator_compare_exchange_pair(struct emulator *emulator)
{
    unsigned width = emulator->instruction.width;
    uint64_t rflags = emulator->paging.rflags & ~(uint64_t)RFLAGS_ZF;
    struct pair expected = registers_of(emulator, accumulator, expected_high);
    struct pair new = registers_of(emulator, new_low, new_high);
    struct pair old;
    bool equal;
    gva_t linear;
    enum emulate_result result =
        emulator_operand(emulator, 0, 2 * width, ACCESS_READ | ACCESS_WRITE, &linear);
    if (result != EMULATE_DONE) {
        return result;
    }
    if (width == 8 && linear.value % 16 != 0) {
        return emulator_fault(emulator, VECTOR_GP, 0);
    }
    result = read_pair(emulator, linear, width, &old);
    equal = result == EMULATE_DONE && old.low == expected.low && old.high == expected.high;
    if (result == EMULATE_DONE) {
        result = write_pair(emulator, linear, width, equal ? &new : &old);
    }
    if (result != EMULATE_DONE) {
        return result;
    }
    if (!equal) {
        emulator_set(emulator, accumulator, width, old.low);
        emulator_set(emulator, expected_high, width, old.high);
    }
    emulator_set_flags(emulator, rflags | (equal ? RFLAGS_ZF : 0));
    return EMULATE_DONE;
}
