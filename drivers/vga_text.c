// SPDX-License-Identifier: MIT
// Draws a text_screen into the VGA's text memory. That memory is slow to read, so it is never read.
#include "drivers/vga_text.h"

#include "arch/x86/io.h"
#include "arch/x86/paging.h"
#include "drivers/text_screen.h"

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
#define CELLS_PER_WORD (sizeof(uint64_t) / CELL_BYTES)

static volatile uint64_t *memory;

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
    return columns > 0 && columns <= TEXT_SCREEN_COLUMNS_MAX && columns % CELLS_PER_WORD == 0 &&
           rows > 0 && rows <= TEXT_SCREEN_ROWS_MAX &&
           (uint64_t)columns * rows <= MIN(MEMORY_BYTES / CELL_BYTES, TEXT_SCREEN_CELLS_MAX);
}

void vga_text_init(uint64_t address, unsigned columns, unsigned rows)
{
    memory = paging_map_device(address, (uint64_t)columns * rows * CELL_BYTES, CACHE_UNCACHED);
    write_crtc(CRTC_CURSOR_START, CURSOR_FIRST_LINE);
    write_crtc(CRTC_CURSOR_END, CURSOR_LAST_LINE);
}

static void draw_row(const struct text_screen *screen, unsigned row)
{
    size_t words = screen->columns / CELLS_PER_WORD;
    const uint16_t *cells = &screen->cells[(size_t)row * screen->columns];
    for (size_t i = 0; i < words; i++) {
        uint64_t word;
        __builtin_memcpy(&word, &cells[i * CELLS_PER_WORD], sizeof(word));
        memory[row * words + i] = word;
    }
}

void vga_text_draw(struct text_screen *screen)
{
    for (unsigned row = 0; row < screen->rows; row++) {
        if (screen->dirty[row]) {
            screen->dirty[row] = false;
            draw_row(screen, row);
        }
    }
    unsigned column = MIN(screen->column, screen->columns - 1);
    unsigned position = screen->row * screen->columns + column;
    write_crtc(CRTC_CURSOR_HIGH, (uint8_t)(position >> 8));
    write_crtc(CRTC_CURSOR_LOW, (uint8_t)position);
}
