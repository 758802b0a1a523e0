// SPDX-License-Identifier: MIT
// What vector instructions compute. Pure.
#pragma once

#include "vmm/util/types.h"

struct vector;
struct vector_instruction;

// Computes `out` from the first source, the memory operand and the immediate, for all operations
// but VECTOR_MOVE, VECTOR_TEST and those with memory as destination or with a mask. `out` is 0
// behind the instruction's width.
void vector_compute(const struct vector_instruction *instruction, uint8_t immediate,
                    const struct vector *first, const struct vector *operand, struct vector *out);
// The flags of PTEST.
uint64_t vector_test(const struct vector *first, const struct vector *operand, unsigned width,
                     uint64_t rflags);
// The highest bit of each element, the first element's in bit 0.
uint64_t vector_signs(const struct vector *value, unsigned element, unsigned width);
