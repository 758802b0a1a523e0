// SPDX-License-Identifier: MIT
// Finds the cells in which a display differs from the text, and has them drawn.
#include "drivers/glass.h"

#include "drivers/text_screen.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define NOT_SHOWN 0 // no text_screen has such a cell
#define CELLS_PER_WORD (sizeof(uint64_t) / sizeof(uint16_t))

void glass_init(struct glass *glass, const struct text_screen *screen,
                struct glass_display *display)
{
    memset(glass, 0, sizeof(*glass)); // `shown` is NOT_SHOWN
    glass->screen = screen;
    glass->display = display;
    glass->drawn_changes = screen->changes - 1;
}

static bool same_word(const uint16_t *a, const uint16_t *b)
{
    uint64_t words[2];
    __builtin_memcpy(&words[0], a, sizeof(words[0]));
    __builtin_memcpy(&words[1], b, sizeof(words[1]));
    return words[0] == words[1];
}

// The first column from `column` on in which two rows differ; `columns` if there is none.
static unsigned find_difference(const uint16_t *a, const uint16_t *b, unsigned column,
                                unsigned columns)
{
    while (column + CELLS_PER_WORD <= columns && same_word(&a[column], &b[column])) {
        column += CELLS_PER_WORD;
    }
    while (column < columns && a[column] == b[column]) {
        column++;
    }
    return column;
}

static void draw_cell(struct glass *glass, unsigned row, unsigned column)
{
    unsigned number = row * glass->screen->columns + column;
    uint16_t cell = text_screen_row(glass->screen, row)[column];
    glass->display->draw_cell(glass->display, row, column, cell, number == glass->cursor);
    glass->shown[number] = cell;
}

static void move_cursor(struct glass *glass)
{
    const struct text_screen *screen = glass->screen;
    unsigned from = glass->cursor;
    unsigned column = MIN(screen->column, screen->columns - 1);
    glass->cursor = screen->row * screen->columns + column;
    if (glass->cursor != from) {
        draw_cell(glass, from / screen->columns, from % screen->columns);
        draw_cell(glass, screen->row, column);
    }
}

// Draws what differs in a row from `column` on, at most `*left` cells. Returns the first column
// that still differs; `columns` if there is none.
static unsigned draw_row(struct glass *glass, unsigned row, unsigned column, unsigned *left)
{
    unsigned columns = glass->screen->columns;
    const uint16_t *text = text_screen_row(glass->screen, row);
    const uint16_t *shown = &glass->shown[(size_t)row * columns];
    column = find_difference(text, shown, column, columns);
    while (column<columns && * left> 0) {
        draw_cell(glass, row, column);
        (*left)--;
        column = find_difference(text, shown, column + 1, columns);
    }
    return column;
}

// Draws the cursor and at most `left` cells. Returns whether cells still differ.
static bool draw(struct glass *glass, unsigned left)
{
    const struct text_screen *screen = glass->screen;
    unsigned row = glass->next / screen->columns;
    unsigned column = glass->next % screen->columns;
    move_cursor(glass);
    if (draw_row(glass, screen->row, 0, &left) < screen->columns) {
        return true;
    }
    // The row of the start comes twice: its first columns are the last to be looked at.
    for (unsigned i = 0; i <= screen->rows; i++) {
        column = draw_row(glass, row, column, &left);
        if (column < screen->columns) {
            glass->next = row * screen->columns + column;
            return true;
        }
        row = row + 1 < screen->rows ? row + 1 : 0;
        column = 0;
    }
    glass->drawn_changes = screen->changes;
    return false;
}

void glass_draw_all(struct glass *glass)
{
    (void)draw(glass, TEXT_SCREEN_CELLS_MAX);
    glass->display->finish(glass->display, glass->cursor);
}

uint64_t glass_turn(struct glass *glass, uint64_t (*pause)(void))
{
    uint64_t begin_ns = pause();
    bool differs = glass->drawn_changes != glass->screen->changes;
    if (!differs) {
        return NEVER_NS;
    }
    if (begin_ns < glass->next_turn_ns) {
        return glass->next_turn_ns;
    }
    glass->next_turn_ns = begin_ns + GLASS_INTERVAL_NS;
    do {
        differs = draw(glass, GLASS_PIECE_CELLS);
    } while (differs && pause() - begin_ns < GLASS_TURN_NS);
    glass->display->finish(glass->display, glass->cursor);
    return differs ? glass->next_turn_ns : NEVER_NS;
}
