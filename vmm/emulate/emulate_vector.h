// SPDX-License-Identifier: MIT
// Vector instructions: MMX, SSE, AVX and AVX-512.
#pragma once

#include "vmm/emulate/emulate.h"

struct emulator;

enum emulate_result emulator_vector(struct emulator *emulator);
