// SPDX-License-Identifier: MIT
// A text console as cells in memory: cursor, colours, scrolling and the ANSI sequences that line
// editing needs. Knows no hardware; vga_text.h and framebuffer.h draw it.
#pragma once

#include "vmm/util/types.h"

#define TEXT_SCREEN_COLUMNS_MAX 240
#define TEXT_SCREEN_ROWS_MAX 135
#define TEXT_SCREEN_CELLS_MAX 18000 // 240 x 75: 1920x1200 pixels in characters of 8x16
#define TEXT_SCREEN_PARAMETERS 8

enum text_screen_state { TEXT_SCREEN_PLAIN, TEXT_SCREEN_ESCAPE, TEXT_SCREEN_SEQUENCE };

struct text_screen {
    unsigned columns;
    unsigned rows;
    unsigned row;
    unsigned column; // `columns`: the next character starts a new line
    uint8_t attribute;
    enum text_screen_state state;
    bool private_sequence; // ESC [ ? ...: read over
    unsigned parameter_count;
    uint16_t parameters[TEXT_SCREEN_PARAMETERS];
    bool dirty[TEXT_SCREEN_ROWS_MAX]; // the row has changed; whoever draws it clears this
    // Row after row, `columns` each. A cell is as the VGA has it: the character in the low byte,
    // the attribute in the high one.
    uint16_t cells[TEXT_SCREEN_CELLS_MAX];
};

// An empty screen, with fewer columns and rows than asked for where there would be too many. At
// least one of each.
void text_screen_init(struct text_screen *screen, unsigned columns, unsigned rows);
// \r \n \b \t; ESC [ n C, D (cursor), K (erase in line), J (in screen), H (home or row;column),
// m (colours, bold, reverse; 16 of them, background dark). Other sequences are read over; other
// control characters are ignored.
void text_screen_put(struct text_screen *screen, char character);
