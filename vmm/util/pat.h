// SPDX-License-Identifier: MIT
// The page attribute table (SDM Vol. 3A 12.12).
#pragma once

#include "vmm/util/types.h"

// Whether each of its bytes is a memory type: 2, 3 and all above 7 are none (12.12.2).
static inline bool pat_is_valid(uint64_t pat)
{
    for (unsigned i = 0; i < 8; i++) {
        uint8_t type = (uint8_t)(pat >> (8 * i));
        if (type > 7 || type == 2 || type == 3) {
            return false;
        }
    }
    return true;
}
