// SPDX-License-Identifier: MIT
// Conversion between a counter's ticks and nanoseconds by a multiplication and a shift. Pure.
#pragma once

#include "vmm/util/types.h"

#define CLOCK_SCALE_SHIFT 32

// value * 2^-32 * factor
typedef unsigned __int128 clock_scale_wide;

// The factor from units of `from_hz` to units of `to_hz`. Both rates are between 1 and 2^35.
uint64_t clock_scale_factor(uint64_t from_hz, uint64_t to_hz);

// Rounded down. The result must fit into 64 bits, as a clock's does for centuries.
static inline uint64_t clock_scale(uint64_t value, uint64_t factor)
{
    return (uint64_t)((clock_scale_wide)value * factor >> CLOCK_SCALE_SHIFT);
}

// Rounded up; UINT64_MAX where the result does not fit.
static inline uint64_t clock_scale_up(uint64_t value, uint64_t factor)
{
    clock_scale_wide product = (clock_scale_wide)value * factor;
    clock_scale_wide rounded = (product >> CLOCK_SCALE_SHIFT) + 1;
    return rounded > UINT64_MAX ? UINT64_MAX : (uint64_t)rounded;
}
