// SPDX-License-Identifier: MIT
// How often a lock changes hands that all processors want.
#pragma once

#include "vmm/util/types.h"

// Each processor takes the lock again and again for so long. Prints how often all of them got it.
void locks_measure(uint64_t duration_ns);
