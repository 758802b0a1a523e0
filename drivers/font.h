// SPDX-License-Identifier: MIT
// The characters of the framebuffer console as pictures.
#pragma once

#include "vmm/util/types.h"

#define FONT_WIDTH 8
#define FONT_HEIGHT 16

// Row `y` of a character's glyph; 0 is the top row, bit 7 the leftmost pixel. Characters that are
// not printable ASCII are an empty box.
uint8_t font_row(char character, unsigned y);
