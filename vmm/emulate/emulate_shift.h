// SPDX-License-Identifier: MIT
// Rotates and shifts of the guest: results and flags (SDM Vol. 1 7.3.6, Vol. 2).
#pragma once

#include "vmm/emulate/decode.h"
#include "vmm/util/types.h"

// OPERATION_ROL to OPERATION_SHRD on a value of `width` bytes. SHLD and SHRD fill it up from
// `filler`. Only the count's lowest 5 bits count, 6 with 8 bytes. Updates the flags.
uint64_t alu_shift(enum operation operation, unsigned width, uint64_t value, uint64_t filler,
                   unsigned count, uint64_t *rflags);
