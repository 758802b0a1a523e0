// SPDX-License-Identifier: MIT
// Arithmetic of the guest: results and flags (SDM Vol. 1 3.4.3.1, Vol. 2).
#pragma once

#include "vmm/emulate/decode.h"
#include "vmm/util/types.h"

// Carries out OPERATION_ADD to OPERATION_CMP, OPERATION_TEST, INC, DEC, NOT or NEG on operands of
// `width` bytes, and returns the result. INC, DEC, NOT and NEG use `a` alone. For CMP and TEST the
// result is what the processor throws away. `rflags` supplies the carry and receives the status
// flags; undefined flags are cleared.
uint64_t alu_compute(enum operation operation, unsigned width, uint64_t a, uint64_t b,
                     uint64_t *rflags);
