// SPDX-License-Identifier: MIT
// The VGA's text mode as a display of characters.
#pragma once

#include "vmm/util/types.h"

#define VGA_TEXT_ADDRESS 0xb8000
#define VGA_TEXT_COLUMNS 80
#define VGA_TEXT_ROWS 25

// Whether there is a VGA. Its text memory cannot show that, because a write to it does no harm
// without one.
bool vga_text_present(void);
// Whether the VGA can have a text mode of that size.
bool vga_text_has(unsigned columns, unsigned rows);
// Maps the memory of a mode of that size (vga_text_has) at `address`, and shows the cursor. The
// screen that the display shows has the same size.
struct glass_display *vga_text_init(uint64_t address, unsigned columns, unsigned rows);
