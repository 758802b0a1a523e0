// SPDX-License-Identifier: MIT
// The x87 unit's state, between an FXSAVE image and what GDB is shown. Pure.
#pragma once

#include "vmm/util/types.h"

struct gdb_registers;

// `image` has the first VECTOR_X87_BYTES of an FXSAVE image (SDM Vol. 1 table 10-2).
void gdb_fpu_get(const uint8_t *image, struct gdb_registers *registers);
void gdb_fpu_set(uint8_t *image, const struct gdb_registers *registers);
