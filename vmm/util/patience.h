// SPDX-License-Identifier: MIT
// How long something was waited for. A machine or an emulator may stand still for a while. Then the
// clock jumps, but what is waited for had no chance to come. So each look counts only a short time.
#pragma once

#include "vmm/util/nanoseconds.h"
#include "vmm/util/types.h"

#define PATIENCE_STEP_NS (10 * NS_PER_MS) // the most that one look counts

struct patience {
    uint64_t last_ns; // host time of the last look
    uint64_t waited_ns;
};

static inline struct patience patience_begin(uint64_t now_ns)
{
    return (struct patience){.last_ns = now_ns};
}

static inline void patience_look(struct patience *patience, uint64_t now_ns)
{
    patience->waited_ns += MIN(now_ns - patience->last_ns, PATIENCE_STEP_NS);
    patience->last_ns = now_ns;
}
