// SPDX-License-Identifier: MIT
// The values that an access of a certain width can carry.
#pragma once

#include "vmm/util/types.h"

// All ones in `width` bytes, 1 to 8: what a bus reads where nobody answers.
static inline uint64_t width_ones(unsigned width)
{
    return width >= 8 ? UINT64_MAX : BIT(8 * width) - 1;
}
