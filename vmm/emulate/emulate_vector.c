// SPDX-License-Identifier: MIT
// Carries out vector instructions: whether the guest may use them, and how their operands move. A
// masked access is one of its own for each element.
#include "vmm/emulate/emulate_vector.h"

#include "arch/x86/registers.h"
#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/emulate/decode.h"
#include "vmm/emulate/emulate.h"
#include "vmm/emulate/emulate_fault.h"
#include "vmm/emulate/emulate_memory.h"
#include "vmm/emulate/emulate_registers.h"
#include "vmm/emulate/emulate_state.h"
#include "vmm/emulate/emulate_vector_alu.h"
#include "vmm/memory/guest_walk.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

// Whether the guest has switched the instruction's registers on (SDM Vol. 2A 2.4, 2.8). MMX wants
// only CR0.EM to be clear.
static bool is_enabled(const struct emulator *emulator)
{
    const struct vector_instruction *vector = &emulator->instruction.vector;
    const struct paging_state *paging = &emulator->paging;
    uint64_t needed = XCR0_SSE | XCR0_AVX;
    if (vector->encoding == ENCODING_LEGACY) {
        return (paging->cr0 & CR0_EM) == 0 &&
               (vector->width == 8 || (paging->cr4 & CR4_OSFXSR) != 0);
    }
    if (vector->encoding == ENCODING_EVEX) {
        needed |= XCR0_AVX512;
    }
    return emulator->protected && (paging->cr4 & CR4_OSXSAVE) != 0 &&
           (emulator->ops->get_register(emulator->vcpu, REG_XCR0) & needed) == needed;
}

static void get(const struct emulator *emulator, unsigned number, struct vector *value)
{
    emulator->ops->vectors->get(emulator->vcpu, number, value);
}

// Writes the destination register. Without VEX only as much as the instruction's width changes,
// with VEX all behind it becomes 0. `value` is 0 behind the width.
static void set_destination(const struct emulator *emulator, const struct vector *value)
{
    const struct vector_instruction *vector = &emulator->instruction.vector;
    struct vector whole = *value;
    if (vector->encoding == ENCODING_LEGACY && vector->width == 16) {
        get(emulator, vector->reg, &whole);
        memcpy(whole.bytes, value->bytes, 16);
    }
    emulator->ops->vectors->set(emulator->vcpu, vector->reg, &whole);
}

// Which elements take part, a bit each: by a mask register, or by the sign of a mask's elements.
static uint64_t active_elements(const struct emulator *emulator)
{
    const struct vector_instruction *vector = &emulator->instruction.vector;
    struct vector mask;
    uint64_t active;
    if (vector->operation == VECTOR_MASKED_LOAD || vector->operation == VECTOR_MASKED_STORE) {
        get(emulator, vector->first, &mask);
        return vector_signs(&mask, vector->element, vector->width);
    }
    if (vector->mask == 0) {
        return UINT64_MAX;
    }
    get(emulator, VECTOR_MASK0 + vector->mask, &mask);
    memcpy(&active, mask.bytes, sizeof(active));
    return active;
}

static bool is_masked(const struct vector_instruction *vector)
{
    return vector->mask != 0 || vector->operation == VECTOR_MASKED_LOAD ||
           vector->operation == VECTOR_MASKED_STORE;
}

static enum emulate_result find_operand(struct emulator *emulator, unsigned access, gva_t *linear)
{
    const struct vector_instruction *vector = &emulator->instruction.vector;
    enum emulate_result result = emulator_operand(emulator, 0, vector->bytes, access, linear);
    if (result == EMULATE_DONE && vector->aligned && linear->value % vector->bytes != 0) {
        return emulator_fault(emulator, VECTOR_GP, 0);
    }
    return result;
}

// ---- Loads

static enum emulate_result read_elements(struct emulator *emulator, uint64_t active,
                                         struct vector *value)
{
    const struct vector_instruction *vector = &emulator->instruction.vector;
    for (unsigned at = 0; at < vector->bytes; at += vector->element) {
        uint64_t element;
        gva_t linear;
        enum emulate_result result;
        if ((active >> (at / vector->element) & 1) == 0) {
            continue;
        }
        result = emulator_operand(emulator, at, vector->element, ACCESS_READ, &linear);
        if (result == EMULATE_DONE) {
            result = emulator_read(emulator, linear, vector->element, ACCESS_READ, &element);
        }
        if (result != EMULATE_DONE) {
            return result;
        }
        memcpy(value->bytes + at, &element, vector->element);
    }
    return EMULATE_DONE;
}

// Elements that are masked out keep what the destination has, or become 0. Those of VMASKMOV always
// become 0.
static enum emulate_result load_masked(struct emulator *emulator)
{
    const struct vector_instruction *vector = &emulator->instruction.vector;
    struct vector value = {0};
    enum emulate_result result;
    if (vector->mask != 0 && !vector->zeroing) {
        get(emulator, vector->reg, &value);
        memset(value.bytes + vector->width, 0, sizeof(value.bytes) - vector->width);
    }
    result = read_elements(emulator, active_elements(emulator), &value);
    if (result == EMULATE_DONE) {
        set_destination(emulator, &value);
    }
    return result;
}

static enum emulate_result load(struct emulator *emulator)
{
    const struct vector_instruction *vector = &emulator->instruction.vector;
    struct vector operand = {0};
    struct vector first;
    struct vector value;
    gva_t linear;
    enum emulate_result result = find_operand(emulator, ACCESS_READ, &linear);
    if (result == EMULATE_DONE) {
        result = emulator_read_bytes(emulator, linear, vector->bytes, ACCESS_READ, operand.bytes);
    }
    if (result != EMULATE_DONE) {
        return result;
    }
    if (vector->operation == VECTOR_MOVE) {
        set_destination(emulator, &operand);
        return EMULATE_DONE;
    }
    get(emulator, vector->operation == VECTOR_TEST ? vector->reg : vector->first, &first);
    if (vector->operation == VECTOR_TEST) {
        emulator_set_flags(emulator,
                           vector_test(&first, &operand, vector->width, emulator->paging.rflags));
        return EMULATE_DONE;
    }
    vector_compute(vector, (uint8_t)emulator->instruction.immediate, &first, &operand, &value);
    set_destination(emulator, &value);
    return EMULATE_DONE;
}

// ---- Stores

// Nothing is written if one of the elements faults.
static enum emulate_result store_masked(struct emulator *emulator)
{
    const struct vector_instruction *vector = &emulator->instruction.vector;
    uint64_t active = active_elements(emulator);
    struct vector value;
    get(emulator, vector->reg, &value);
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned at = 0; at < vector->bytes; at += vector->element) {
            uint64_t element = 0;
            gva_t linear;
            enum emulate_result result;
            if ((active >> (at / vector->element) & 1) == 0) {
                continue;
            }
            memcpy(&element, value.bytes + at, vector->element);
            result = emulator_operand(emulator, at, vector->element, ACCESS_WRITE, &linear);
            if (result == EMULATE_DONE) {
                result = pass == 0 ? emulator_probe(emulator, linear, vector->element, ACCESS_WRITE)
                                   : emulator_write(emulator, linear, vector->element, element);
            }
            if (result != EMULATE_DONE) {
                return result;
            }
        }
    }
    return EMULATE_DONE;
}

// The first byte of the register that is stored.
static unsigned stored_from(const struct instruction *instruction)
{
    const struct vector_instruction *vector = &instruction->vector;
    switch (vector->operation) {
    case VECTOR_STORE_HIGH:
        return 8;
    case VECTOR_EXTRACT:
        return (unsigned)(instruction->immediate * vector->bytes) & (vector->width - 1U);
    default:
        return 0;
    }
}

static enum emulate_result store(struct emulator *emulator)
{
    const struct vector_instruction *vector = &emulator->instruction.vector;
    struct vector value;
    gva_t linear;
    enum emulate_result result = find_operand(emulator, ACCESS_WRITE, &linear);
    if (result != EMULATE_DONE) {
        return result;
    }
    get(emulator, vector->reg, &value);
    result = emulator_write_bytes(emulator, linear, vector->bytes,
                                  value.bytes + stored_from(&emulator->instruction));
    if (result == EMULATE_DONE && vector->width == 8) {
        emulator->ops->vectors->set(emulator->vcpu, vector->reg, &value); // as MMX leaves the FPU
    }
    return result;
}

enum emulate_result emulator_vector(struct emulator *emulator)
{
    const struct vector_instruction *vector = &emulator->instruction.vector;
    bool masked = is_masked(vector);
    if (!is_enabled(emulator)) {
        return emulator_fault(emulator, VECTOR_UD, 0);
    }
    if ((emulator->paging.cr0 & CR0_TS) != 0) {
        return emulator_fault(emulator, VECTOR_NM, 0);
    }
    if (vector->operation >= VECTOR_STORE) {
        return masked ? store_masked(emulator) : store(emulator);
    }
    return masked ? load_masked(emulator) : load(emulator);
}
