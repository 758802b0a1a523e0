// SPDX-License-Identifier: MIT
// String instructions, MOVS to OUTS.
#pragma once

#include "vmm/emulate/decode.h"
#include "vmm/emulate/emulate.h"
#include "vmm/util/types.h"

struct emulator;

// INS and OUTS have no form of 8 bytes: REX.W has no effect.
static inline unsigned emulator_port_width(const struct instruction *instruction)
{
    return MIN(instruction->width, 4);
}

// Carries the instruction out: all its iterations, or EMULATE_ITERATIONS_MAX of them and
// EMULATE_AGAIN, or one of them and EMULATE_STEP. The other results are those of emulate_memory.h.
enum emulate_result emulator_execute_string(struct emulator *emulator);
