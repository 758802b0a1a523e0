// SPDX-License-Identifier: MIT
// Reads the operands of an instruction.
#include "vmm/emulate/emulate_operands.h"

#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/emulate/decode.h"
#include "vmm/emulate/emulate.h"
#include "vmm/emulate/emulate_memory.h"
#include "vmm/emulate/emulate_registers.h"
#include "vmm/emulate/emulate_state.h"
#include "vmm/util/types.h"

enum emulate_result emulator_read_source(struct emulator *emulator, uint64_t *value)
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

enum emulate_result emulator_read_operand(struct emulator *emulator, int64_t adjust,
                                          unsigned access, gva_t *linear, uint64_t *value)
{
    unsigned width = emulator->instruction.width;
    enum emulate_result result = emulator_operand(emulator, adjust, width, access, linear);
    return result != EMULATE_DONE ? result : emulator_read(emulator, *linear, width, access, value);
}
