// SPDX-License-Identifier: MIT
// Instructions that exchange registers with memory.
#pragma once

#include "vmm/emulate/emulate.h"

struct emulator;

// XCHG, XADD.
enum emulate_result emulator_exchange(struct emulator *emulator);
enum emulate_result emulator_compare_exchange(struct emulator *emulator); // CMPXCHG
// CMPXCHG8B, CMPXCHG16B: the latter faults if the operand is not aligned (SDM Vol. 2A).
enum emulate_result emulator_compare_exchange_pair(struct emulator *emulator);
