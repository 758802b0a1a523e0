// SPDX-License-Identifier: MIT
// Carries out instructions on single bits: tests, scans, shifts, CRC32.
#include "vmm/emulate/emulate_bits.h"

#include "arch/x86/registers.h"
#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/emulate/decode.h"
#include "vmm/emulate/emulate.h"
#include "vmm/emulate/emulate_memory.h"
#include "vmm/emulate/emulate_operands.h"
#include "vmm/emulate/emulate_registers.h"
#include "vmm/emulate/emulate_shift.h"
#include "vmm/emulate/emulate_state.h"
#include "vmm/memory/guest_walk.h"
#include "vmm/util/types.h"

#define CRC32C_REFLECTED 0x82f63b78 // SDM Vol. 2A, CRC32: 11EDC6F41H, its bits in reverse order

static const struct register_operand count_register = {.number = GPR_RCX};

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
enum emulate_result emulator_bit(struct emulator *emulator)
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
    result = emulator_read_operand(
        emulator, adjust, writes ? ACCESS_READ | ACCESS_WRITE : ACCESS_READ, &linear, &value);
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

static uint64_t count_ones(uint64_t value)
{
    uint64_t count = 0;
    for (; value != 0; value &= value - 1) {
        count++;
    }
    return count;
}

// What a scan writes into the register. `source` is not 0.
static uint64_t scan(enum operation operation, uint64_t source, unsigned bits)
{
    uint64_t highest = 63 - (uint64_t)__builtin_clzll(source);
    switch (operation) {
    case OPERATION_POPCNT:
        return count_ones(source);
    case OPERATION_LZCNT:
        return bits - 1 - highest;
    case OPERATION_BSR:
        return highest;
    default: // BSF, TZCNT
        return (uint64_t)__builtin_ctzll(source);
    }
}

// Where there is no bit, BSF and BSR leave the register alone and set ZF. TZCNT and LZCNT then
// count all bits and set CF; their ZF says that they count none. POPCNT sets ZF where there is no
// bit.
enum emulate_result emulator_scan(struct emulator *emulator)
{
    const struct instruction *instruction = &emulator->instruction;
    enum operation operation = instruction->operation;
    bool counts_zeros = operation == OPERATION_TZCNT || operation == OPERATION_LZCNT;
    uint64_t flags = emulator->paging.rflags & ~RFLAGS_STATUS;
    uint64_t number = counts_zeros ? 8 * instruction->width : 0;
    uint64_t source;
    enum emulate_result result = emulator_read_source(emulator, &source);
    if (result != EMULATE_DONE) {
        return result;
    }
    if (source != 0) {
        number = scan(operation, source, 8 * instruction->width);
    }
    if (source != 0 || (operation != OPERATION_BSF && operation != OPERATION_BSR)) {
        emulator_set(emulator, instruction->reg, instruction->width, number);
    }
    flags |= (counts_zeros ? number : source) == 0 ? RFLAGS_ZF : 0;
    flags |= counts_zeros && source == 0 ? RFLAGS_CF : 0;
    emulator_set_flags(emulator, flags);
    return EMULATE_DONE;
}

enum emulate_result emulator_crc32(struct emulator *emulator)
{
    const struct instruction *instruction = &emulator->instruction;
    uint32_t crc = (uint32_t)emulator_get(emulator, instruction->reg, 4);
    uint64_t source;
    enum emulate_result result = emulator_read_source(emulator, &source);
    if (result != EMULATE_DONE) {
        return result;
    }
    for (unsigned i = 0; i < 8 * instruction->source_width; i++) {
        bool one = ((crc ^ source >> i) & 1) != 0;
        crc = crc >> 1 ^ (one ? CRC32C_REFLECTED : 0);
    }
    emulator_set(emulator, instruction->reg, 4, crc); // clears the upper half too
    return EMULATE_DONE;
}

enum emulate_result emulator_shift(struct emulator *emulator)
{
    const struct instruction *instruction = &emulator->instruction;
    uint64_t rflags = emulator->paging.rflags;
    uint64_t filler = emulator_get(emulator, instruction->reg, instruction->width);
    uint64_t count = instruction->count_in_cl ? emulator_get(emulator, count_register, 1)
                                              : instruction->immediate;
    uint64_t value;
    gva_t linear;
    enum emulate_result result =
        emulator_read_operand(emulator, 0, ACCESS_READ | ACCESS_WRITE, &linear, &value);
    if (result != EMULATE_DONE) {
        return result;
    }
    value = alu_shift(instruction->operation, instruction->width, value, filler, (unsigned)count,
                      &rflags);
    result = emulator_write(emulator, linear, instruction->width, value);
    if (result == EMULATE_DONE) {
        emulator_set_flags(emulator, rflags);
    }
    return result;
}
