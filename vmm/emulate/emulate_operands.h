// SPDX-License-Identifier: MIT
// Operands of an instruction that has at most 8 bytes of each.
#pragma once

#include "vmm/address.h"
#include "vmm/emulate/emulate.h"
#include "vmm/util/types.h"

struct emulator;

// The source operand, zero-extended from source_width.
enum emulate_result emulator_read_source(struct emulator *emulator, uint64_t *value);
// Reads the memory operand, `width` bytes. `access` has ACCESS_WRITE if it will be written too, at
// `linear`. `adjust` is added to its address.
enum emulate_result emulator_read_operand(struct emulator *emulator, int64_t adjust,
                                          unsigned access, gva_t *linear, uint64_t *value);
