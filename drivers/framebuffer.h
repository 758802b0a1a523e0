// SPDX-License-Identifier: MIT
// A linear framebuffer as a display of characters. Pure: the caller maps the framebuffer and gives
// a pointer.
#pragma once

#include "drivers/glass.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

#define FRAMEBUFFER_COLOURS 16

// A colour's field in a pixel: `size` bits from bit `position`.
struct framebuffer_field {
    uint8_t position;
    uint8_t size;
};

struct framebuffer_mode {
    uint32_t pitch; // bytes from a line to the next
    uint32_t width; // pixels
    uint32_t height;
    uint8_t bits_per_pixel;
    struct framebuffer_field red;
    struct framebuffer_field green;
    struct framebuffer_field blue;
};

struct framebuffer {
    struct glass_display display;
    uint8_t *pixels; // of the first cell
    uint64_t pitch;
    unsigned pixel_bytes;
    unsigned scale; // a dot of the font is so many pixels wide and high
    unsigned columns;
    unsigned rows;
    uint32_t palette[FRAMEBUFFER_COLOURS];
};

// Whether the driver can draw in a mode: 16, 24 or 32 bits per pixel (15 counts as 16), up to 16384
// pixels in each direction. If not, `why` gives the reason.
enum status framebuffer_check(const struct framebuffer_mode *mode, struct reason *why) MUST_CHECK;

// Bytes from the first pixel to the last.
uint64_t framebuffer_bytes(const struct framebuffer_mode *mode);

// Makes the screen black. `mode` has passed framebuffer_check; `pixels` has its framebuffer_bytes.
// The characters are as large as possible with 160 x 45 of them, but at least 8x16 pixels.
// The screen that `display` shows has `columns` and `rows`. The rest is a margin, the same on both
// sides.
void framebuffer_init(struct framebuffer *framebuffer, const struct framebuffer_mode *mode,
                      void *pixels);
