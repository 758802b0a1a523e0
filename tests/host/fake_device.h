// SPDX-License-Identifier: MIT
// Ends for the outputs of a device model in tests, which remember all that comes.
#pragma once

#include "vmm/devices/device.h"

struct fake_line {
    struct irq_line line;
    bool level;
    unsigned rises;
    unsigned calls;
};

void fake_line_init(struct fake_line *fake);

#define FAKE_SINK_BYTES 4096

struct fake_sink {
    struct byte_sink sink;
    size_t room; // how many bytes it still takes
    size_t length;
    uint8_t bytes[FAKE_SINK_BYTES];
};

void fake_sink_init(struct fake_sink *fake);
