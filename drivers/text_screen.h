// SPDX-License-Identifier: MIT
// A text console as cells in memory: cursor, colours, scrolling, and the ANSI sequences of line
// editing. It knows no hardware; glass.h draws it.
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
    bool private_sequence; // ESC [ ? ... is ignored
    unsigned parameter_count;
    uint16_t parameters[TEXT_SCREEN_PARAMETERS];
    uint64_t changes; // grows with each character: without growth there is nothing to draw
    unsigned first;   // the place in `cells` of row 0, in rows; the rows after the last place wrap
    // Row after row, `columns` cells each. A cell is as in the VGA: the character is the low byte,
    // the attribute the high one.
    uint16_t cells[TEXT_SCREEN_CELLS_MAX];
};

// Makes an empty screen with at least one column and row. If that would be too many cells, it has
// fewer columns and rows than asked for.
void text_screen_init(struct text_screen *screen, unsigned columns, unsigned rows);
// The cells of a row, 0 is the top one.
const uint16_t *text_screen_row(const struct text_screen *screen, unsigned row);
// Writes a character. It understands \r \n \b \t; ESC [ n C, D (cursor), K (erase in line), J (in
// screen), H (home or row;column), m (colours, bold, reverse; 16 of them, background dark). Other
// sequences and control characters are ignored.
void text_screen_put(struct text_screen *screen, char character);
