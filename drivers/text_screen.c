// SPDX-License-Identifier: MIT
// The state machine of a text console.
#include "drivers/text_screen.h"
#include "vmm/util/string.h"

#define TAB_WIDTH 8
#define PARAMETER_MAX 999

#define ATTRIBUTE_DEFAULT 0x07 // light grey on black
#define ATTRIBUTE_BRIGHT 0x08
#define ATTRIBUTE_SHIFT 8
#define FOREGROUND_MASK 0x07
#define BACKGROUND_MASK 0x70
#define BACKGROUND_SHIFT 4

#define SEQUENCE_FIRST_FINAL 0x40 // ECMA-48 5.4: the byte that ends a sequence is 0x40 to 0x7e
#define SEQUENCE_LAST_FINAL 0x7e

// The VGA colour of each ECMA-48 colour digit: red and blue change places.
static const uint8_t vga_colours[8] = {0, 4, 2, 6, 1, 5, 3, 7};

static uint16_t blank(const struct text_screen *screen)
{
    return (uint16_t)(screen->attribute << ATTRIBUTE_SHIFT | ' ');
}

// The place of a row's cells. `first` turns the rows round: a scroll moves no cell.
static size_t row_place(const struct text_screen *screen, unsigned row)
{
    unsigned place = screen->first + row;
    return (size_t)(place < screen->rows ? place : place - screen->rows) * screen->columns;
}

static uint16_t *row_cells(struct text_screen *screen, unsigned row)
{
    return &screen->cells[row_place(screen, row)];
}

const uint16_t *text_screen_row(const struct text_screen *screen, unsigned row)
{
    return &screen->cells[row_place(screen, row)];
}

static void erase(struct text_screen *screen, unsigned row, unsigned from, unsigned to)
{
    uint16_t *cells = row_cells(screen, row);
    for (unsigned column = from; column < to; column++) {
        cells[column] = blank(screen);
    }
}

static void erase_rows(struct text_screen *screen, unsigned from, unsigned to)
{
    for (unsigned row = from; row < to; row++) {
        erase(screen, row, 0, screen->columns);
    }
}

void text_screen_init(struct text_screen *screen, unsigned columns, unsigned rows)
{
    memset(screen, 0, sizeof(*screen));
    screen->columns = MAX(MIN(columns, TEXT_SCREEN_COLUMNS_MAX), 1);
    unsigned rows_max = MIN(TEXT_SCREEN_CELLS_MAX / screen->columns, TEXT_SCREEN_ROWS_MAX);
    screen->rows = MAX(MIN(rows, rows_max), 1);
    screen->attribute = ATTRIBUTE_DEFAULT;
    erase_rows(screen, 0, screen->rows);
}

static void line_feed(struct text_screen *screen)
{
    unsigned last = screen->rows - 1;
    if (screen->row < last) {
        screen->row++;
        return;
    }
    screen->first = screen->first < last ? screen->first + 1 : 0;
    erase(screen, last, 0, screen->columns);
}

// After a character in the last column the cursor stands behind it. Only the next character starts
// a new line.
static void draw(struct text_screen *screen, char character)
{
    if (screen->column >= screen->columns) {
        screen->column = 0;
        line_feed(screen);
    }
    row_cells(screen, screen->row)[screen->column++] =
        (uint16_t)(screen->attribute << ATTRIBUTE_SHIFT | (uint8_t)character);
}

static void put_plain(struct text_screen *screen, char character)
{
    switch (character) {
    case '\r':
        screen->column = 0;
        break;
    case '\n':
        screen->column = 0; // like a terminal that gets no '\r'
        line_feed(screen);
        break;
    case '\b':
        screen->column -= screen->column > 0;
        break;
    case '\t':
        screen->column = MIN((screen->column / TAB_WIDTH + 1) * TAB_WIDTH, screen->columns - 1);
        break;
    case '\x1b':
        screen->state = TEXT_SCREEN_ESCAPE;
        break;
    default:
        if ((uint8_t)character >= ' ' && character != '\x7f') {
            draw(screen, character);
        }
        break;
    }
}

// Parameter `index`, or `otherwise` if it is missing or 0.
static unsigned parameter(const struct text_screen *screen, unsigned index, unsigned otherwise)
{
    return screen->parameters[index] != 0 ? screen->parameters[index] : otherwise;
}

static void set_rendition(struct text_screen *screen, unsigned value)
{
    uint8_t attribute = screen->attribute;
    if (value == 0) {
        attribute = ATTRIBUTE_DEFAULT;
    } else if (value == 1) {
        attribute |= ATTRIBUTE_BRIGHT;
    } else if (value == 22) {
        attribute &= (uint8_t)~ATTRIBUTE_BRIGHT;
    } else if (value == 7 || value == 27) {
        attribute = (uint8_t)((attribute & ATTRIBUTE_BRIGHT) |
                              (attribute & FOREGROUND_MASK) << BACKGROUND_SHIFT |
                              (attribute & BACKGROUND_MASK) >> BACKGROUND_SHIFT);
    } else if ((value >= 30 && value <= 37) || (value >= 90 && value <= 97)) {
        attribute = (uint8_t)((attribute & BACKGROUND_MASK) | vga_colours[value % 10] |
                              (value >= 90 ? ATTRIBUTE_BRIGHT : attribute & ATTRIBUTE_BRIGHT));
    } else if (value == 39) {
        attribute = (uint8_t)((attribute & ~FOREGROUND_MASK) | ATTRIBUTE_DEFAULT);
    } else if ((value >= 40 && value <= 47) || (value >= 100 && value <= 107)) {
        attribute =
            (uint8_t)((attribute & ~BACKGROUND_MASK) | vga_colours[value % 10] << BACKGROUND_SHIFT);
    } else if (value == 49) {
        attribute &= (uint8_t)~BACKGROUND_MASK;
    }
    screen->attribute = attribute;
}

static void erase_in_line(struct text_screen *screen)
{
    unsigned column = MIN(screen->column, screen->columns - 1);
    if (screen->parameters[0] == 0) {
        erase(screen, screen->row, column, screen->columns);
    } else if (screen->parameters[0] == 1) {
        erase(screen, screen->row, 0, column + 1);
    } else {
        erase(screen, screen->row, 0, screen->columns);
    }
}

static void erase_in_screen(struct text_screen *screen)
{
    if (screen->parameters[0] >= 2) {
        erase_rows(screen, 0, screen->rows);
        return;
    }
    erase_in_line(screen);
    if (screen->parameters[0] == 0) {
        erase_rows(screen, screen->row + 1, screen->rows);
    } else {
        erase_rows(screen, 0, screen->row);
    }
}

static void finish_sequence(struct text_screen *screen, char final)
{
    unsigned column = MIN(screen->column, screen->columns - 1);
    switch (final) {
    case 'C':
        screen->column = MIN(column + parameter(screen, 0, 1), screen->columns - 1);
        break;
    case 'D':
        screen->column = column - MIN(column, parameter(screen, 0, 1));
        break;
    case 'H':
        screen->row = MIN(parameter(screen, 0, 1), screen->rows) - 1;
        screen->column = MIN(parameter(screen, 1, 1), screen->columns) - 1;
        break;
    case 'J':
        erase_in_screen(screen);
        break;
    case 'K':
        erase_in_line(screen);
        break;
    case 'm':
        for (unsigned i = 0; i <= screen->parameter_count; i++) {
            set_rendition(screen, screen->parameters[i]);
        }
        break;
    default: // other sequences are ignored
        break;
    }
}

static void put_in_sequence(struct text_screen *screen, char character)
{
    uint16_t *value = &screen->parameters[screen->parameter_count];
    if (character >= '0' && character <= '9') {
        *value = (uint16_t)MIN(*value * 10 + (character - '0'), PARAMETER_MAX);
    } else if (character == ';') {
        if (screen->parameter_count + 1 < TEXT_SCREEN_PARAMETERS) {
            screen->parameter_count++;
        } else {
            *value = 0; // too many parameters share the last place
        }
    } else if (character >= SEQUENCE_FIRST_FINAL && character <= SEQUENCE_LAST_FINAL) {
        if (!screen->private_sequence) {
            finish_sequence(screen, character);
        }
        screen->state = TEXT_SCREEN_PLAIN;
    } else if (character >= ' ' && character < SEQUENCE_FIRST_FINAL) {
        screen->private_sequence = true;
    } else { // a control character ends the sequence
        screen->state = TEXT_SCREEN_PLAIN;
        put_plain(screen, character);
    }
}

void text_screen_put(struct text_screen *screen, char character)
{
    screen->changes++;
    switch (screen->state) {
    case TEXT_SCREEN_PLAIN:
        put_plain(screen, character);
        break;
    case TEXT_SCREEN_ESCAPE:
        if (character >= ' ' && character <= '/') {
            break; // ECMA-35 13.1: more bytes follow, such as the B of ESC ( B
        }
        screen->state = character == '[' ? TEXT_SCREEN_SEQUENCE : TEXT_SCREEN_PLAIN;
        screen->private_sequence = false;
        screen->parameter_count = 0;
        memset(screen->parameters, 0, sizeof(screen->parameters));
        break;
    case TEXT_SCREEN_SEQUENCE:
        put_in_sequence(screen, character);
        break;
    }
}
