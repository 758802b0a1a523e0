// SPDX-License-Identifier: MIT
// An output of the console that remembers its bytes and takes as many as a test allows.
#pragma once

#include "vmm/console/console.h"

#define FAKE_OUTPUT_BYTES (256 * KIB)

struct fake_output {
    struct console_output output; // first: the fake finds itself by a cast
    size_t room;                  // how many bytes it takes at a time
    size_t room_left;             // how many it takes at all; SIZE_MAX: no limit
    size_t length;
    char text[FAKE_OUTPUT_BYTES]; // ends with a NUL
};

void fake_output_init(struct fake_output *fake);
// Forgets what was written so far.
void fake_output_clear(struct fake_output *fake);
