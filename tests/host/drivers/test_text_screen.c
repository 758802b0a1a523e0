// SPDX-License-Identifier: MIT
// Tests of the text console's state machine.
#include "drivers/text_screen.h"
#include "vmm/util/string.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define COLUMNS 80
#define ROWS 25

static int setup(void **state)
{
    struct text_screen *screen = malloc(sizeof(*screen));
    text_screen_init(screen, COLUMNS, ROWS);
    *state = screen;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void put(struct text_screen *screen, const char *text)
{
    for (; *text != '\0'; text++) {
        text_screen_put(screen, *text);
    }
}

static uint16_t cell_at(const struct text_screen *screen, unsigned row, unsigned column)
{
    return text_screen_row(screen, row)[column];
}

// The row's characters without spaces at its end.
static void check_row(const struct text_screen *screen, unsigned row, const char *expected)
{
    char text[COLUMNS + 1] = {0};
    size_t length = 0;
    for (unsigned i = 0; i < COLUMNS; i++) {
        text[i] = (char)cell_at(screen, row, i);
        if (text[i] != ' ') {
            length = i + 1;
        }
    }
    text[length] = '\0';
    assert_string_equal(text, expected);
}

static void check_cursor(const struct text_screen *screen, unsigned row, unsigned column)
{
    assert_int_equal(screen->row, row);
    assert_int_equal(screen->column, column);
}

static unsigned attribute_at(const struct text_screen *screen, unsigned row, unsigned column)
{
    return cell_at(screen, row, column) >> 8U;
}

static void test_init(void **state)
{
    struct text_screen *screen = *state;
    text_screen_init(screen, COLUMNS, ROWS);
    assert_int_equal(cell_at(screen, 24, 79), 0x0720);
    check_cursor(screen, 0, 0);
}

static void test_plain_text(void **state)
{
    struct text_screen *screen = *state;
    put(screen, "one\ntwo\rT\nab\tc\bD\x01\x7f");
    check_row(screen, 0, "one");
    check_row(screen, 1, "Two");
    check_row(screen, 2, "ab      D");
    check_cursor(screen, 2, 9);
    put(screen, "\r\b\b\t\t\t\t\t\t\t\t\t\t\t\t\t\tx");
    check_cursor(screen, 2, 80);
    assert_int_equal((char)cell_at(screen, 2, 79), 'x');
}

static void test_high_characters_are_drawn(void **state)
{
    struct text_screen *screen = *state;
    put(screen, "\xb3\x1b[\xb3");
    assert_int_equal(cell_at(screen, 0, 0), 0x07b3);
    assert_int_equal(cell_at(screen, 0, 1), 0x07b3);
}

static void test_wrap_waits_for_the_next_character(void **state)
{
    struct text_screen *screen = *state;
    for (unsigned i = 0; i < 80; i++) {
        put(screen, "x");
    }
    check_cursor(screen, 0, 80);
    put(screen, "\n");
    check_cursor(screen, 1, 0);
    for (unsigned i = 0; i < 81; i++) {
        put(screen, "y");
    }
    check_cursor(screen, 2, 1);
    check_row(screen, 2, "y");
}

static void test_scroll(void **state)
{
    struct text_screen *screen = *state;
    for (unsigned i = 0; i < 25; i++) {
        char line[] = {(char)('a' + i), '\n', '\0'};
        put(screen, line);
    }
    check_cursor(screen, 24, 0);
    check_row(screen, 0, "b");
    check_row(screen, 23, "y");
    check_row(screen, 24, "");
}

// A scroll turns the rows round: the cells of all rows but one stay where they are.
static void test_scroll_moves_no_cell(void **state)
{
    struct text_screen *screen = *state;
    put(screen, "\x1b[25;1Hlast");
    for (unsigned i = 0; i < 3 * ROWS; i++) {
        const uint16_t *bottom = text_screen_row(screen, ROWS - 1);
        const uint16_t *second = text_screen_row(screen, 1);
        put(screen, "\nx");
        assert_ptr_equal(text_screen_row(screen, ROWS - 2), bottom);
        assert_ptr_equal(text_screen_row(screen, 0), second);
    }
    check_row(screen, ROWS - 1, "x");
}

static void test_cursor_movement(void **state)
{
    struct text_screen *screen = *state;
    put(screen, "abcdef\x1b[3D\x1b[D");
    check_cursor(screen, 0, 2);
    put(screen, "\x1b[2C\x1b[0C");
    check_cursor(screen, 0, 5);
    put(screen, "\x1b[999D");
    check_cursor(screen, 0, 0);
    put(screen, "\x1b[99999999999999C");
    check_cursor(screen, 0, 79);
    put(screen, "\x1b[5;10H");
    check_cursor(screen, 4, 9);
    put(screen, "\x1b[100;100H");
    check_cursor(screen, 24, 79);
    put(screen, "x\x1b[D"); // from behind the last column
    check_cursor(screen, 24, 78);
    put(screen, "\x1b[H");
    check_cursor(screen, 0, 0);
}

static void test_erase(void **state)
{
    struct text_screen *screen = *state;
    put(screen, "abcdef\x1b[3D\x1b[K");
    check_row(screen, 0, "abc");
    put(screen, "\rabcdef\r\x1b[2C\x1b[1K");
    check_row(screen, 0, "   def");
    put(screen, "\x1b[2K");
    check_row(screen, 0, "");
    put(screen, "\rone\ntwo\nthree\x1b[2;2H\x1b[J");
    check_row(screen, 0, "one");
    check_row(screen, 1, "t");
    check_row(screen, 2, "");
    put(screen, "\x1b[3;1Hthree\x1b[2;1H\x1b[1J");
    check_row(screen, 0, "");
    check_row(screen, 1, "");
    check_row(screen, 2, "three");
    put(screen, "\x1b[2J");
    check_row(screen, 2, "");
    check_cursor(screen, 1, 0);
}

static void test_colours(void **state)
{
    struct text_screen *screen = *state;
    put(screen,
        "a\x1b[31mb\x1b[1mc\x1b[44md\x1b[me\x1b[92;41mf\x1b[39mg\x1b[49;22mh\x1b[7mi\x1b[27mj");
    assert_int_equal(attribute_at(screen, 0, 0), 0x07);
    assert_int_equal(attribute_at(screen, 0, 1), 0x04);
    assert_int_equal(attribute_at(screen, 0, 2), 0x0c);
    assert_int_equal(attribute_at(screen, 0, 3), 0x1c);
    assert_int_equal(attribute_at(screen, 0, 4), 0x07);
    assert_int_equal(attribute_at(screen, 0, 5), 0x4a);
    assert_int_equal(attribute_at(screen, 0, 6), 0x4f);
    assert_int_equal(attribute_at(screen, 0, 7), 0x07);
    assert_int_equal(attribute_at(screen, 0, 8), 0x70);
    assert_int_equal(attribute_at(screen, 0, 9), 0x07);
    put(screen, "\x1b[0;1;37;104m\x1b[K");
    assert_int_equal(attribute_at(screen, 0, 70), 0x1f);
}

static void test_sequences_that_are_read_over(void **state)
{
    struct text_screen *screen = *state;
    put(screen, "\x1b[?25ha\x1b[2 qb\x1b[6nc\x1b"
                "Md\x1b[1;2;3;4;5;6;7;8;9;10;31me\x1b[3\nf");
    check_row(screen, 0, "abcde");
    assert_int_equal(attribute_at(screen, 0, 4), 0x7c);
    check_row(screen, 1, "f");
}

// Any bytes leave the cursor inside (ASan watches the cells).
static void make_noise(struct text_screen *screen)
{
    static const char alphabet[] = "\x1b[[[;;0123456789HJKCDmx\n\t\b\r?\xff\x80";
    uint32_t random = 1;
    for (unsigned i = 0; i < 100000; i++) {
        random = random * 1664525 + 1013904223;
        text_screen_put(screen, alphabet[(random >> 16) % (sizeof(alphabet) - 1)]);
        assert_true(screen->row < screen->rows && screen->column <= screen->columns);
    }
}

static void test_noise(void **state)
{
    static const unsigned sizes[][2] = {{80, 25}, {1, 1}, {240, 75}, {2, 135}, {7, 3}};
    struct text_screen *screen = *state;
    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
        text_screen_init(screen, sizes[i][0], sizes[i][1]);
        make_noise(screen);
    }
}

static void check_size(struct text_screen *screen, unsigned asked_columns, unsigned asked_rows,
                       unsigned columns, unsigned rows)
{
    text_screen_init(screen, asked_columns, asked_rows);
    assert_int_equal(screen->columns, columns);
    assert_int_equal(screen->rows, rows);
}

static void test_sizes_are_limited(void **state)
{
    struct text_screen *screen = *state;
    check_size(screen, 160, 45, 160, 45);
    check_size(screen, 240, 75, 240, 75);
    check_size(screen, 1000, 1000, 240, 75);
    check_size(screen, 100, 1000, 100, 135);
    check_size(screen, 0, 0, 1, 1);
}

static void test_small_screen_wraps_and_scrolls(void **state)
{
    struct text_screen *screen = *state;
    text_screen_init(screen, 3, 2);
    put(screen, "abcdefgh");
    check_cursor(screen, 1, 2);
    assert_int_equal((char)cell_at(screen, 0, 0), 'd');
    assert_int_equal((char)cell_at(screen, 0, 2), 'f');
    assert_int_equal((char)cell_at(screen, 1, 1), 'h');
    assert_int_equal((char)cell_at(screen, 1, 2), ' ');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_init, setup, teardown),
        cmocka_unit_test_setup_teardown(test_plain_text, setup, teardown),
        cmocka_unit_test_setup_teardown(test_high_characters_are_drawn, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrap_waits_for_the_next_character, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scroll, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scroll_moves_no_cell, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cursor_movement, setup, teardown),
        cmocka_unit_test_setup_teardown(test_erase, setup, teardown),
        cmocka_unit_test_setup_teardown(test_colours, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sequences_that_are_read_over, setup, teardown),
        cmocka_unit_test_setup_teardown(test_noise, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sizes_are_limited, setup, teardown),
        cmocka_unit_test_setup_teardown(test_small_screen_wraps_and_scrolls, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
