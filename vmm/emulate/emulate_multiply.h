// SPDX-License-Identifier: MIT
// Multiplication and division of a register by memory.
#pragma once

#include "vmm/emulate/emulate.h"

struct emulator;

// MUL, IMUL, DIV, IDIV with memory as the only operand.
enum emulate_result emulator_multiply_accumulator(struct emulator *emulator);
// IMUL_REGISTER, IMUL_IMMEDIATE.
enum emulate_result emulator_multiply_register(struct emulator *emulator);
