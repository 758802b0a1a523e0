// SPDX-License-Identifier: MIT
// The model of a VGA adapter's registers (IBM VGA technical reference), for text modes.
#pragma once

#include "vmm/util/types.h"

#define VGA_FIRST_PORT 0x3b0
#define VGA_PORTS 0x30

#define VGA_SEQUENCER_REGISTERS 5
#define VGA_CRTC_REGISTERS 25
#define VGA_GRAPHICS_REGISTERS 9
#define VGA_ATTRIBUTE_REGISTERS 21
#define VGA_DAC_BYTES (256 * 3)

// The text memory is not here. It is memory of the guest from 0xb8000 on, and accesses do not exit.
struct vga {
    uint8_t misc;
    uint8_t feature;
    uint8_t sequencer_index;
    uint8_t crtc_index;
    uint8_t graphics_index;
    uint8_t attribute_index;
    bool attribute_data; // the next write to 0x3c0 is data
    uint8_t sequencer[VGA_SEQUENCER_REGISTERS];
    uint8_t crtc[VGA_CRTC_REGISTERS];
    uint8_t graphics[VGA_GRAPHICS_REGISTERS];
    uint8_t attribute[VGA_ATTRIBUTE_REGISTERS];
    uint8_t dac_mask;
    bool dac_reading; // 0x3c7 was written last, not 0x3c8
    unsigned dac_at;  // the byte of `dac` that 0x3c9 is at
    uint8_t dac[VGA_DAC_BYTES];
};

// The screen, in characters.
struct vga_view {
    bool is_text; // false: a graphics mode; nothing below is valid
    unsigned columns;
    unsigned rows;
    unsigned start;     // place of the first character in text memory
    unsigned row_pitch; // cells from one row to the next
    bool cursor_shown;
    unsigned cursor; // place in text memory
};

#define VGA_TEXT_CELLS 0x4000U // character and attribute: 32 KiB

// The state after a PC's firmware: mode 3, 80 columns, 25 rows, colour.
void vga_init(struct vga *vga);

// `offset` counts from VGA_FIRST_PORT. A port without a register reads all ones, and so does a port
// of the other kind of mode (colour or monochrome).
uint8_t vga_read(struct vga *vga, unsigned offset, uint64_t now_ns);
void vga_write(struct vga *vga, unsigned offset, uint8_t value);

struct vga_view vga_view(const struct vga *vga);
