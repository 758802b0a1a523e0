// SPDX-License-Identifier: MIT
// Arithmetic of the guest: results and flags (SDM Vol. 1 3.4.3.1, Vol. 2).
#pragma once

#include "vmm/emulate/decode.h"

// Carries out OPERATION_ADD to OPERATION_CMP, OPERATION_TEST, INC, DEC, NOT or NEG (these
// four look at `a` alone), `width` bytes wide, and returns the result (of CMP and TEST: what would
// be thrown away). `rflags` gives the carry and gets the status flags; undefined ones are cleared.
uint64_t alu_compute(enum operation operation, unsigned width, uint64_t a, uint64_t b,
                     uint64_t *rflags);
