// SPDX-License-Identifier: MIT
// Fuzzes the instruction decoder: any bytes in each mode, and the same bytes cut short.
#include "vmm/emulate/decode.h"

#include <stdlib.h>
#include <string.h>

#include "vmm/backend.h"
#include "vmm/util/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static bool is_width(unsigned width)
{
    return width == 1 || width == 2 || width == 4 || width == 8;
}

static void check(const struct instruction *instruction, unsigned count, enum code_size size)
{
    require(instruction->length >= 1 && instruction->length <= count);
    require(instruction->operation > OPERATION_NONE && instruction->operation < OPERATION_COUNT);
    require(is_width(instruction->width) && is_width(instruction->source_width));
    require(size == CODE_64 || (instruction->width < 8 && instruction->address_width < 8));
    require(instruction->segment <= SEGMENT_GS);
    require(instruction->base < GPR_COUNT || instruction->base == NO_REGISTER);
    require(instruction->index < GPR_COUNT || instruction->index == NO_REGISTER);
    require(instruction->reg.number < GPR_COUNT && instruction->rm.number < GPR_COUNT);
    require(!instruction->reg.high_byte || instruction->reg.number < 4);
}

static void check_vector(const struct vector_instruction *vector)
{
    require(vector->width >= 8 && vector->width <= 64 && vector->bytes <= vector->width);
    require(vector->element >= 1 && vector->element <= vector->bytes);
    require(vector->bytes % vector->element == 0);
    require(vector->reg < VECTOR_MASK0 && vector->first < VECTOR_MASK0 && vector->mask < 8);
}

// Decodes a copy that ends at the end of its block, so that ASan finds a read past it.
static enum decode_result decode_copy(const uint8_t *data, unsigned count, enum code_size size,
                                      struct instruction *instruction)
{
    uint8_t *block = malloc(count + 1);
    enum decode_result result;
    require(block);
    memcpy(block + 1, data, count);
    result = instruction_decode(block + 1, count, size, instruction);
    free(block);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned count = (unsigned)MIN(size, INSTRUCTION_BYTES_MAX);
    for (unsigned mode = CODE_16; mode <= CODE_64; mode++) {
        struct instruction instruction;
        struct instruction again;
        enum decode_result result = decode_copy(data, count, mode, &instruction);
        require(result != DECODE_TRUNCATED || count < INSTRUCTION_BYTES_MAX);
        if (result != DECODE_OK) {
            continue;
        }
        check(&instruction, count, mode);
        if (instruction.operation == OPERATION_VECTOR) {
            check_vector(&instruction.vector);
        }
        require(decode_copy(data, instruction.length, mode, &again) == DECODE_OK);
        require(again.operation == instruction.operation && again.length == instruction.length &&
                again.displacement == instruction.displacement &&
                again.immediate == instruction.immediate);
        require(decode_copy(data, instruction.length - 1, mode, &again) == DECODE_TRUNCATED);
    }
    return 0;
}
