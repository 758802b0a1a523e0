// SPDX-License-Identifier: MIT
// Carries out a decoded instruction with a memory operand, string instructions excepted.
#include "vmm/emulate/emulate_execute.h"

#include "arch/x86/registers.h"
#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/emulate/decode.h"
#include "vmm/emulate/emulate.h"
#include "vmm/emulate/emulate_alu.h"
#include "vmm/emulate/emulate_memory.h"
#include "vmm/emulate/emulate_registers.h"
#include "vmm/emulate/emulate_state.h"
#include "vmm/memory/guest_walk.h"
#include "vmm/util/types.h"

static const struct register_operand accumulator = {.number = GPR_RAX};
static const struct register_operand stack_pointer = {.number = GPR_RSP};

// The source operand, zero-extended from source_width.
static enum emulate_result read_source(struct emulator *emulator, uint64_t *value)
{
    const struct instruction *instruction = &emulator->instruction;
    gva_t linear;
    enum emulate_result result;
    switch (instruction->source) {
    case OPERAND_REGISTER:
        *value = emulator_get(emulator, instruction->reg, instruction->source_width);
        return EMULATE_DONE;
    case OPERAND_RM:
        result = emulator_operand(emulator, 0, instruction->source_width, ACCESS_READ, &linear);
        return result != EMULATE_DONE
                   ? result
                   : emulator_read(emulator, linear, instruction->source_width, ACCESS_READ, value);
    default:
        *value = low_bytes(instruction->immediate, instruction->width);
        return EMULATE_DONE;
    }
}

static enum emulate_result execute_move(struct emulator *emulator)
{
    const struct instruction *instruction = &emulator->instruction;
    uint64_t value;
    gva_t linear;
    enum emulate_result result = read_source(emulator, &value);
    if (result != EMULATE_DONE) {
        return result;
    }
    if (instruction->operation == OPERATION_MOVSX) {
        value = sign_extend(value, instruction->source_width);
    }
    if (instruction->destination == OPERAND_REGISTER) {
        emulator_set(emulator, instruction->reg, instruction->width, value);
        return EMULATE_DONE;
    }
    result = emulator_operand(emulator, 0, instruction->width, ACCESS_WRITE, &linear);
    return result != EMULATE_DONE ? result
                                  : emulator_write(emulator, linear, instruction->width, value);
}

// Reads the memory operand of an instruction that also writes it.
static enum emulate_result read_destination(struct emulator *emulator, int64_t adjust,
                                            unsigned access, gva_t *linear, uint64_t *value)
{
    unsigned width = emulator->instruction.width;
    enum emulate_result result = emulator_operand(emulator, adjust, width, access, linear);
    return result != EMULATE_DONE ? result : emulator_read(emulator, *linear, width, access, value);
}

// An operation whose destination is a register and whose source is memory.
static enum emulate_result execute_to_register(struct emulator *emulator)
{
    const struct instruction *instruction = &emulator->instruction;
    uint64_t rflags = emulator->paging.rflags;
    uint64_t source;
    uint64_t value;
    enum emulate_result result = read_source(emulator, &source);
    if (result != EMULATE_DONE) {
        return result;
    }
    value =
        alu_compute(instruction->operation, instruction->width,
                    emulator_get(emulator, instruction->reg, instruction->width), source, &rflags);
    if (instruction->operation != OPERATION_CMP) {
        emulator_set(emulator, instruction->reg, instruction->width, value);
    }
    emulator_set_flags(emulator, rflags);
    return EMULATE_DONE;
}

// An operation whose destination is memory, or that only compares memory.
static enum emulate_result execute_arithmetic(struct emulator *emulator)
{
    const struct instruction *instruction = &emulator->instruction;
    bool writes =
        instruction->operation != OPERATION_CMP && instruction->operation != OPERATION_TEST;
    uint64_t rflags = emulator->paging.rflags;
    uint64_t source = 0;
    uint64_t value;
    gva_t linear;
    enum emulate_result result;
    if (instruction->destination == OPERAND_REGISTER) {
        return execute_to_register(emulator);
    }
    result = read_destination(emulator, 0, writes ? ACCESS_READ | ACCESS_WRITE : ACCESS_READ,
                              &linear, &value);
    if (result == EMULATE_DONE && instruction->source != OPERAND_NONE) {
        result = read_source(emulator, &source); // a register or an immediate: it cannot fail
    }
    if (result != EMULATE_DONE) {
        return result;
    }
    value = alu_compute(instruction->operation, instruction->width, value, source, &rflags);
    if (writes) {
        result = emulator_write(emulator, linear, instruction->width, value);
    }
    if (result == EMULATE_DONE) {
        emulator_set_flags(emulator, rflags);
    }
    return result;
}

// XCHG and XADD: the register gets the old value of the memory.
static enum emulate_result execute_exchange(struct emulator *emulator)
{
    const struct instruction *instruction = &emulator->instruction;
    uint64_t rflags = emulator->paging.rflags;
    uint64_t source = emulator_get(emulator, instruction->reg, instruction->width);
    uint64_t old;
    gva_t linear;
    enum emulate_result result =
        read_destination(emulator, 0, ACCESS_READ | ACCESS_WRITE, &linear, &old);
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
static enum emulate_result execute_compare_exchange(struct emulator *emulator)
{
    const struct instruction *instruction = &emulator->instruction;
    uint64_t rflags = emulator->paging.rflags;
    uint64_t expected = emulator_get(emulator, accumulator, instruction->width);
    uint64_t old;
    bool equal;
    gva_t linear;
    enum emulate_result result =
        read_destination(emulator, 0, ACCESS_READ | ACCESS_WRITE, &linear, &old);
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

static uint64_t change_bit(enum operation operation, uint64_t value, uint64_t bit)
{
    switch (operation) {
    case OPERATION_BTS:
        return value | bit;
    case OPERATION_BTR:
        return value & ~bit;
    case OPERATION_BTC:
        return value ^ bit;
    default: // BT
        return value;
    }
}

// A bit number in a register may lie outside the operand, on either side. The memory is then a
// string of bits (SDM Vol. 2A, BT).
static enum emulate_result execute_bit(struct emulator *emulator)
{
    const struct instruction *instruction = &emulator->instruction;
    unsigned width = instruction->width;
    bool writes = instruction->operation != OPERATION_BT;
    uint64_t rflags = emulator->paging.rflags;
    int64_t number = (int64_t)instruction->immediate;
    int64_t adjust = 0;
    uint64_t value;
    uint64_t bit;
    gva_t linear;
    enum emulate_result result;
    if (instruction->source == OPERAND_REGISTER) {
        number = (int64_t)sign_extend(emulator_get(emulator, instruction->reg, width), width);
        adjust = (number >> 3) & -(int64_t)width; // down to a whole operand
    }
    result = read_destination(emulator, adjust, writes ? ACCESS_READ | ACCESS_WRITE : ACCESS_READ,
                              &linear, &value);
    if (result != EMULATE_DONE) {
        return result;
    }
    bit = BIT((uint64_t)number & (8 * width - 1));
    if (writes) {
        result =
            emulator_write(emulator, linear, width, change_bit(instruction->operation, value, bit));
    }
    if (result == EMULATE_DONE) {
        emulator_set_flags(emulator, (rflags & ~RFLAGS_CF) | ((value & bit) != 0 ? RFLAGS_CF : 0));
    }
    return result;
}

// The stack segment determines the width of the stack pointer (SDM Vol. 1 6.2.3).
static unsigned stack_width(const struct emulator *emulator)
{
    struct segment stack;
    if (emulator->size == CODE_64) {
        return 8;
    }
    emulator->ops->get_segment(emulator->vcpu, SEGMENT_SS, &stack);
    return (stack.attributes & SEGMENT_DB) != 0 ? 4 : 2;
}

static enum emulate_result execute_push(struct emulator *emulator)
{
    const struct instruction *instruction = &emulator->instruction;
    unsigned width = stack_width(emulator);
    uint64_t top =
        low_bytes(emulator_get(emulator, stack_pointer, width) - instruction->width, width);
    uint64_t value;
    gva_t linear;
    enum emulate_result result = read_destination(emulator, 0, ACCESS_READ, &linear, &value);
    if (result == EMULATE_DONE) {
        result =
            emulator_linear(emulator, SEGMENT_SS, top, instruction->width, ACCESS_WRITE, &linear);
    }
    if (result == EMULATE_DONE) {
        result = emulator_write(emulator, linear, instruction->width, value);
    }
    if (result == EMULATE_DONE) {
        emulator_set(emulator, stack_pointer, width, top);
    }
    return result;
}

// The operand's address uses the stack pointer as it is after the POP (SDM Vol. 2B, POP).
static enum emulate_result execute_pop(struct emulator *emulator)
{
    const struct instruction *instruction = &emulator->instruction;
    unsigned width = stack_width(emulator);
    uint64_t top = emulator_get(emulator, stack_pointer, width);
    int64_t adjust = instruction->base == GPR_RSP ? instruction->width : 0;
    uint64_t value;
    gva_t linear;
    enum emulate_result result =
        emulator_linear(emulator, SEGMENT_SS, top, instruction->width, ACCESS_READ, &linear);
    if (result == EMULATE_DONE) {
        result = emulator_read(emulator, linear, instruction->width, ACCESS_READ, &value);
    }
    if (result == EMULATE_DONE) {
        result = emulator_operand(emulator, adjust, instruction->width, ACCESS_WRITE, &linear);
    }
    if (result == EMULATE_DONE) {
        result = emulator_write(emulator, linear, instruction->width, value);
    }
    if (result == EMULATE_DONE) {
        emulator_set(emulator, stack_pointer, width, top + instruction->width);
    }
    return result;
}

static enum emulate_result execute_cache(struct emulator *emulator)
{
    gva_t linear;
    enum emulate_result result =
        emulator_operand(emulator, 0, emulator->instruction.width, ACCESS_READ, &linear);
    return result != EMULATE_DONE
               ? result
               : emulator_probe(emulator, linear, emulator->instruction.width, ACCESS_READ);
}

enum emulate_result emulator_execute(struct emulator *emulator)
{
    switch (emulator->instruction.operation) {
    case OPERATION_MOV:
    case OPERATION_MOVZX:
    case OPERATION_MOVSX:
        return execute_move(emulator);
    case OPERATION_XCHG:
    case OPERATION_XADD:
        return execute_exchange(emulator);
    case OPERATION_CMPXCHG:
        return execute_compare_exchange(emulator);
    case OPERATION_BT:
    case OPERATION_BTS:
    case OPERATION_BTR:
    case OPERATION_BTC:
        return execute_bit(emulator);
    case OPERATION_CACHE:
        return execute_cache(emulator);
    case OPERATION_PUSH:
        return execute_push(emulator);
    case OPERATION_POP:
        return execute_pop(emulator);
    default:
        return execute_arithmetic(emulator);
    }
}
