// SPDX-License-Identifier: MIT
// Fuzzes the decoder of instructions that exit on AMD-V: any bytes, and the same bytes cut short.
#include "arch/svm/svm_decode.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

// Decodes a copy that ends where its block ends: the sanitizer finds any read beyond the copy.
static bool decode_copy(const uint8_t *data, unsigned count, bool is_64bit,
                        struct svm_instruction *instruction)
{
    uint8_t *block = malloc(count + 1);
    require(block);
    memcpy(block + 1, data, count);
    bool known = svm_decode_instruction(block + 1, count, is_64bit, instruction);
    free(block);
    return known;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned count = (unsigned)MIN(size, SVM_INSTRUCTION_BYTES_MAX);
    for (unsigned mode = 0; mode < 2; mode++) {
        struct svm_instruction instruction;
        struct svm_instruction again;
        if (!decode_copy(data, count, mode, &instruction)) {
            continue;
        }
        require(instruction.length >= 1 && instruction.length <= count);
        require(instruction.gpr < 16);
        require(decode_copy(data, instruction.length, mode, &again));
        require(again.length == instruction.length && again.gpr == instruction.gpr);
        require(!decode_copy(data, instruction.length - 1u, mode, &again));
    }
    return 0;
}
