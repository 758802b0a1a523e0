// SPDX-License-Identifier: MIT
// The characters of the framebuffer console as pictures.
#pragma once

#include "vmm/util/types.h"

#define FONT_WIDTH 8
#define FONT_HEIGHT 16

// Row `y` (0 is the top one) of a character's glyph; bit 7 is the leftmost pixel. What is not
// printable ASCII is an empty box.
uint8_t font_row(char character, unsigned y);
