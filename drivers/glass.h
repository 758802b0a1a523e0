// SPDX-License-Identifier: MIT
// What a display shows of a text_screen. Drawing is slow, so it is done in short turns, and only
// cells that differ are drawn: text that scrolls away between two turns is never drawn.
#pragma once

#include "drivers/text_screen.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/types.h"

// A turn begins at most every GLASS_INTERVAL_NS. It looks at the clock after each piece of
// GLASS_PIECE_CELLS cells, and ends when GLASS_TURN_NS are over.
#define GLASS_INTERVAL_NS (20 * NS_PER_MS)
#define GLASS_TURN_NS (500 * NS_PER_US)
#define GLASS_PIECE_CELLS 32

// How a display is written. Nothing is ever read back from it.
struct glass_display {
    // Draws one cell. `cursor`: the cursor is on it.
    void (*draw_cell)(struct glass_display *display, unsigned row, unsigned column, uint16_t cell,
                      bool cursor);
    // Ends a series of draw_cell. `cursor` is the number of the cell that has the cursor.
    void (*finish)(struct glass_display *display, unsigned cursor);
};

struct glass {
    const struct text_screen *screen;
    struct glass_display *display;
    uint64_t next_turn_ns;
    uint64_t drawn_changes; // the glass equals the text at this value of the screen's `changes`
    unsigned cursor;        // the cell that is drawn with the cursor
    unsigned next;          // the cell at which drawing goes on
    uint16_t shown[TEXT_SCREEN_CELLS_MAX]; // the cells as they are drawn, row after row
};

// Nothing is drawn yet. `screen` is initialized, and keeps its size.
void glass_init(struct glass *glass, const struct text_screen *screen,
                struct glass_display *display);

// Draws everything that differs, however long that takes.
void glass_draw_all(struct glass *glass);

// Draws for one turn, if one is due: the cursor and its row first, the rest from where the last
// turn ended. `pause` is called between pieces and returns the time. Returns when the next turn is
// due; NEVER_NS: the glass equals the text.
uint64_t glass_turn(struct glass *glass, uint64_t (*pause)(void));
