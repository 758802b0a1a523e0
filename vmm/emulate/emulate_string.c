// SPDX-License-Identifier: MIT
// Carries out string instructions: MOVS, CMPS, STOS, LODS, SCAS, INS and OUTS, with REP.
#include "vmm/emulate/emulate_string.h"

#include "arch/x86/registers.h"
#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/emulate/breakpoints.h"
#include "vmm/emulate/decode.h"
#include "vmm/emulate/emulate.h"
#include "vmm/emulate/emulate_alu.h"
#include "vmm/emulate/emulate_memory.h"
#include "vmm/emulate/emulate_registers.h"
#include "vmm/emulate/emulate_state.h"
#include "vmm/memory/guest_walk.h"
#include "vmm/util/types.h"

static const struct register_operand accumulator = {.number = GPR_RAX};
static const struct register_operand counter = {.number = GPR_RCX};
static const struct register_operand source_index = {.number = GPR_RSI};
static const struct register_operand destination_index = {.number = GPR_RDI};

static enum emulate_result source_address(struct emulator *emulator, unsigned width, gva_t *linear)
{
    const struct instruction *instruction = &emulator->instruction;
    return emulator_linear(emulator, instruction->segment,
                           emulator_get(emulator, source_index, instruction->address_width), width,
                           ACCESS_READ, linear);
}

static enum emulate_result destination_address(struct emulator *emulator, unsigned width,
                                               unsigned access, gva_t *linear)
{
    return emulator_linear(
        emulator, SEGMENT_ES,
        emulator_get(emulator, destination_index, emulator->instruction.address_width), width,
        access, linear);
}

static enum emulate_result read_source(struct emulator *emulator, unsigned width, uint64_t *value)
{
    gva_t linear;
    enum emulate_result result = source_address(emulator, width, &linear);
    return result != EMULATE_DONE ? result
                                  : emulator_read(emulator, linear, width, ACCESS_READ, value);
}

static enum emulate_result read_destination(struct emulator *emulator, uint64_t *value)
{
    gva_t linear;
    unsigned width = emulator->instruction.width;
    enum emulate_result result = destination_address(emulator, width, ACCESS_READ, &linear);
    return result != EMULATE_DONE ? result
                                  : emulator_read(emulator, linear, width, ACCESS_READ, value);
}

static enum emulate_result write_destination(struct emulator *emulator, uint64_t value)
{
    gva_t linear;
    unsigned width = emulator->instruction.width;
    enum emulate_result result = destination_address(emulator, width, ACCESS_WRITE, &linear);
    return result != EMULATE_DONE ? result : emulator_write(emulator, linear, width, value);
}

static enum emulate_result move(struct emulator *emulator)
{
    uint64_t value;
    enum emulate_result result = read_source(emulator, emulator->instruction.width, &value);
    return result != EMULATE_DONE ? result : write_destination(emulator, value);
}

static enum emulate_result load(struct emulator *emulator)
{
    unsigned width = emulator->instruction.width;
    uint64_t value;
    enum emulate_result result = read_source(emulator, width, &value);
    if (result == EMULATE_DONE) {
        emulator_set(emulator, accumulator, width, value);
    }
    return result;
}

// CMPS compares memory with memory, SCAS the accumulator with memory.
static enum emulate_result compare(struct emulator *emulator)
{
    unsigned width = emulator->instruction.width;
    uint64_t rflags = emulator->paging.rflags;
    uint64_t a = emulator_get(emulator, accumulator, width);
    uint64_t b;
    enum emulate_result result = EMULATE_DONE;
    if (emulator->instruction.operation == OPERATION_CMPS) {
        result = read_source(emulator, width, &a);
    }
    if (result == EMULATE_DONE) {
        result = read_destination(emulator, &b);
    }
    if (result == EMULATE_DONE) {
        (void)alu_compute(OPERATION_CMP, width, a, b, &rflags);
        emulator_set_flags(emulator, rflags);
    }
    return result;
}

static void look_for_breakpoints(struct emulator *emulator, unsigned width)
{
    struct emulation *out = emulator->out;
    if (out->breakpoints) {
        out->met |= breakpoints_met(out->breakpoints, BREAKPOINT_PORT, emulator->port, width);
    }
}

// Reads the port only after it is sure that the value can be written.
static enum emulate_result input(struct emulator *emulator)
{
    unsigned width = emulator_port_width(&emulator->instruction);
    gva_t linear;
    enum emulate_result result = destination_address(emulator, width, ACCESS_WRITE, &linear);
    if (result == EMULATE_DONE) {
        result = emulator_probe(emulator, linear, width, ACCESS_WRITE);
    }
    if (result != EMULATE_DONE) {
        return result;
    }
    look_for_breakpoints(emulator, width);
    return emulator_write(emulator, linear, width,
                          emulator->ports->in(emulator->ports, emulator->port, width));
}

static enum emulate_result output(struct emulator *emulator)
{
    unsigned width = emulator_port_width(&emulator->instruction);
    uint64_t value;
    enum emulate_result result = read_source(emulator, width, &value);
    if (result == EMULATE_DONE) {
        look_for_breakpoints(emulator, width);
        emulator->ports->out(emulator->ports, emulator->port, width, (uint32_t)value);
    }
    return result;
}

static enum emulate_result iterate(struct emulator *emulator)
{
    switch (emulator->instruction.operation) {
    case OPERATION_MOVS:
        return move(emulator);
    case OPERATION_STOS:
        return write_destination(emulator,
                                 emulator_get(emulator, accumulator, emulator->instruction.width));
    case OPERATION_LODS:
        return load(emulator);
    case OPERATION_INS:
        return input(emulator);
    case OPERATION_OUTS:
        return output(emulator);
    default: // CMPS, SCAS
        return compare(emulator);
    }
}

static bool uses_source(enum operation operation)
{
    return operation == OPERATION_MOVS || operation == OPERATION_CMPS ||
           operation == OPERATION_LODS || operation == OPERATION_OUTS;
}

static bool uses_destination(enum operation operation)
{
    return operation != OPERATION_LODS && operation != OPERATION_OUTS;
}

static void add_to(struct emulator *emulator, struct register_operand reg, uint64_t step)
{
    unsigned width = emulator->instruction.address_width;
    emulator_set(emulator, reg, width, emulator_get(emulator, reg, width) + step);
}

// Moves the index registers by one element, up or down.
static void step(struct emulator *emulator)
{
    enum operation operation = emulator->instruction.operation;
    bool is_port = operation == OPERATION_INS || operation == OPERATION_OUTS;
    uint64_t bytes =
        is_port ? emulator_port_width(&emulator->instruction) : emulator->instruction.width;
    if ((emulator->paging.rflags & RFLAGS_DF) != 0) {
        bytes = 0 - bytes;
    }
    if (uses_source(operation)) {
        add_to(emulator, source_index, bytes);
    }
    if (uses_destination(operation)) {
        add_to(emulator, destination_index, bytes);
    }
}

// CMPS and SCAS with REPE or REPNE also end by the zero flag.
static bool ends_by_flag(const struct emulator *emulator)
{
    const struct instruction *instruction = &emulator->instruction;
    bool zero = (emulator->paging.rflags & RFLAGS_ZF) != 0;
    if (instruction->operation != OPERATION_CMPS && instruction->operation != OPERATION_SCAS) {
        return false;
    }
    return zero == (instruction->repeat == REPEAT_NOT_EQUAL);
}

// Between two iterations RF is set: an instruction breakpoint is not met again, and what interrupts
// here pushes RF = 1 (SDM Vol. 3B 18.3.1.1).
static enum emulate_result unfinished(struct emulator *emulator, enum emulate_result result)
{
    emulator_set_flags(emulator, emulator->paging.rflags | RFLAGS_RF);
    return result;
}

static bool traps_between_iterations(const struct emulator *emulator)
{
    return (emulator->paging.rflags & RFLAGS_TF) != 0 || emulator->out->met != 0;
}

static enum emulate_result step_trap(struct emulator *emulator)
{
    if ((emulator->paging.rflags & RFLAGS_TF) != 0) {
        emulator->out->met |= DR6_BS;
    }
    return unfinished(emulator, EMULATE_STEP);
}

enum emulate_result emulator_execute_string(struct emulator *emulator)
{
    const struct instruction *instruction = &emulator->instruction;
    bool repeated = instruction->repeat != REPEAT_NONE;
    for (unsigned i = 0; i < EMULATE_ITERATIONS_MAX; i++) {
        enum emulate_result result;
        if (repeated && emulator_get(emulator, counter, instruction->address_width) == 0) {
            return EMULATE_DONE;
        }
        result = iterate(emulator);
        if (result != EMULATE_DONE) {
            return result;
        }
        step(emulator);
        if (!repeated) {
            return EMULATE_DONE;
        }
        add_to(emulator, counter, UINT64_MAX);
        if (ends_by_flag(emulator)) {
            return EMULATE_DONE;
        }
        if (traps_between_iterations(emulator) &&
            emulator_get(emulator, counter, instruction->address_width) != 0) {
            return step_trap(emulator);
        }
    }
    return unfinished(emulator, EMULATE_AGAIN);
}
