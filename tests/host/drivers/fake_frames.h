// SPDX-License-Identifier: MIT
// The machine of the USB driver's tests: frames that a controller accesses by DMA, the time, the
// log.
#pragma once

#include "vmm/util/types.h"

struct fake_frames {
    unsigned used;
    bool dma_is_permitted;
    uint64_t now_ns;
    const char *last_log;
};

extern struct fake_frames fake_frames;

// All frames are free.
void fake_frames_clear(void);
// Memory as a controller accesses it: only with the right to do so, and only in taken frames. Else
// the program ends.
void *fake_frames_dma(uint64_t physical, size_t bytes);
// Ends the program if a rule does not hold.
void fake_frames_check(bool holds, const char *what);
