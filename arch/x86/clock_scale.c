// SPDX-License-Identifier: MIT
// Conversion between a counter's ticks and nanoseconds.
#include "arch/x86/clock_scale.h"

// Long division in two steps of 16 bits. With rates below 2^35 nothing overflows 64 bits.
uint64_t clock_scale_factor(uint64_t from_hz, uint64_t to_hz)
{
    uint64_t factor = to_hz / from_hz;
    uint64_t rest = to_hz % from_hz;
    for (unsigned step = 0; step < 2; step++) {
        rest <<= CLOCK_SCALE_SHIFT / 2;
        factor = factor << CLOCK_SCALE_SHIFT / 2 | rest / from_hz;
        rest %= from_hz;
    }
    return factor;
}
