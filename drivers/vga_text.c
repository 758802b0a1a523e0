// SPDX-License-Identifier: MIT
// Writes cells into the VGA's text memory. That memory is slow to read, so it is never read.
#include "drivers/vga_text.h"

#include "arch/x86/io.h"
#include "arch/x86/paging.h"
#include "drivers/glass.h"
#include "drivers/text_screen.h"
#include "vmm/util/types.h"

#define CRTC_INDEX 0x3d4
#define CRTC_DATA 0x3d5
#define CRTC_CURSOR_START 0x0a
#define CRTC_CURSOR_END 0x0b
#define CRTC_CURSOR_HIGH 0x0e
#define CRTC_CURSOR_LOW 0x0f
#define CURSOR_FIRST_LINE 14 // of 16 lines: an underscore
#define CURSOR_LAST_LINE 15

#define PROBE_A 0x5a
#define PROBE_B 0xa5

#define MEMORY_BYTES (32 * KIB) // at 0xb8000
#define CELL_BYTES sizeof(uint16_t)

static volatile uint16_t *memory;
static unsigned memory_columns;

static void write_crtc(uint8_t index, uint8_t value)
{
    outb(CRTC_INDEX, index);
    outb(CRTC_DATA, value);
}

// A missing card reads as all ones, or as the last value on the bus.
static bool keeps(uint8_t value)
{
    write_crtc(CRTC_CURSOR_LOW, value);
    return inb(CRTC_DATA) == value;
}

bool vga_text_present(void)
{
    return keeps(PROBE_A) && keeps(PROBE_B);
}

bool vga_text_has(unsigned columns, unsigned rows)
{
    return columns > 0 && columns <= TEXT_SCREEN_COLUMNS_MAX && rows > 0 &&
           rows <= TEXT_SCREEN_ROWS_MAX &&
           (uint64_t)columns * rows <= MIN(MEMORY_BYTES / CELL_BYTES, TEXT_SCREEN_CELLS_MAX);
}

// The chip draws the cursor itself: `finish` moves it.
static void draw_cell(struct glass_display *display, unsigned row, unsigned column, uint16_t cell,
                      bool cursor)
{
    (void)display;
    (void)cursor;
    memory[row * memory_columns + column] = cell;
}

static void finish(struct glass_display *display, unsigned cursor)
{
    (void)display;
    write_crtc(CRTC_CURSOR_HIGH, (uint8_t)(cursor >> 8));
    write_crtc(CRTC_CURSOR_LOW, (uint8_t)cursor);
}

struct glass_display *vga_text_init(uint64_t address, unsigned columns, unsigned rows)
{
    static struct glass_display display = {.draw_cell = draw_cell, .finish = finish};
    memory = paging_map_device(address, (uint64_t)columns * rows * CELL_BYTES, CACHE_UNCACHED);
    memory_columns = columns;
    write_crtc(CRTC_CURSOR_START, CURSOR_FIRST_LINE);
    write_crtc(CRTC_CURSOR_END, CURSOR_LAST_LINE);
    return &display;
}
