// SPDX-License-Identifier: MIT
// Random numbers from the CPU: RDSEED, else RDRAND (SDM Vol. 1 7.3.17).
#pragma once

#include "vmm/util/types.h"

// Fills `words` words. False: this CPU has neither instruction, or it gave no number in time.
MUST_CHECK bool random_fill(uint64_t *to, unsigned words);
