// SPDX-License-Identifier: MIT
// Tests of drawing by turns: how much a turn draws, what is never drawn, and that the glass becomes
// equal to the text.
#include "drivers/glass.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "drivers/text_screen.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define COLUMNS 37 // rows are no whole number of words
#define ROWS 11
#define CELL_NS 5000ULL // a slow framebuffer
#define TURN_CELLS_MAX (GLASS_TURN_NS / CELL_NS + GLASS_PIECE_CELLS + 2)
#define CURSOR BIT(16)

// A display that draws a cell in `cell_ns`, and what is on it.
static struct {
    struct glass_display display;
    unsigned columns;
    uint64_t now_ns;
    uint64_t cell_ns;
    unsigned drawn;
    unsigned finished;
    unsigned drawn_of[UINT8_MAX + 1]; // by character
    uint32_t cells[TEXT_SCREEN_CELLS_MAX];
} fake;

static struct text_screen screen;
static struct glass glass;

static uint64_t now(void)
{
    return fake.now_ns;
}

static void draw_cell(struct glass_display *display, unsigned row, unsigned column, uint16_t cell,
                      bool cursor)
{
    assert_ptr_equal(display, &fake.display);
    fake.cells[row * fake.columns + column] = cell | (cursor ? (uint32_t)CURSOR : 0);
    fake.drawn_of[(uint8_t)cell]++;
    fake.drawn++;
    fake.now_ns += fake.cell_ns;
}

static void finish(struct glass_display *display, unsigned cursor)
{
    assert_ptr_equal(display, &fake.display);
    assert_int_equal(cursor, glass.cursor);
    fake.finished++;
}

static void start(unsigned columns, unsigned rows)
{
    memset(&fake, 0, sizeof(fake));
    fake.display = (struct glass_display){.draw_cell = draw_cell, .finish = finish};
    fake.columns = columns;
    fake.cell_ns = CELL_NS;
    fake.now_ns = NS_PER_S;
    text_screen_init(&screen, columns, rows);
    glass_init(&glass, &screen, &fake.display);
}

static int set_up(void **state)
{
    (void)state;
    start(COLUMNS, ROWS);
    return 0;
}

static void put(const char *text)
{
    for (; *text != '\0'; text++) {
        text_screen_put(&screen, *text);
    }
}

static void check_equal(void)
{
    unsigned cursor = screen.row * screen.columns + MIN(screen.column, screen.columns - 1);
    for (unsigned row = 0; row < screen.rows; row++) {
        for (unsigned column = 0; column < screen.columns; column++) {
            unsigned number = row * screen.columns + column;
            uint32_t cell = text_screen_row(&screen, row)[column];
            assert_int_equal(fake.cells[number], number == cursor ? cell | CURSOR : cell);
        }
    }
}

// Lets turns pass until the glass says that it equals the text; returns how many there were.
static unsigned finish_drawing(void)
{
    unsigned turns = 1;
    uint64_t next_ns = glass_turn(&glass, now);
    while (next_ns != NEVER_NS) {
        assert_true(next_ns > fake.now_ns);
        fake.now_ns = next_ns;
        next_ns = glass_turn(&glass, now);
        turns++;
    }
    return turns;
}

// Fills the screen with a character that is not on it yet.
static void fill(char character)
{
    put("\x1b[H");
    for (unsigned i = 0; i < screen.columns * screen.rows; i++) {
        text_screen_put(&screen, character);
    }
}

static void test_first_draw_draws_all(void **state)
{
    (void)state;
    glass_draw_all(&glass);
    assert_int_equal(fake.drawn, COLUMNS * ROWS);
    assert_int_equal(fake.finished, 1);
    check_equal();
    assert_int_equal(glass_turn(&glass, now), NEVER_NS);
    assert_int_equal(fake.drawn, COLUMNS * ROWS);
}

static void test_only_what_differs_is_drawn(void **state)
{
    (void)state;
    put("one\ntwo");
    glass_draw_all(&glass);
    fake.drawn = 0;
    put("\rtXo\x1b[1;1Hone");
    glass_draw_all(&glass);
    assert_int_equal(fake.drawn, 3); // the X, and the cursor where it was and is
    check_equal();
}

static void test_what_scrolls_by_is_never_drawn(void **state)
{
    (void)state;
    glass_draw_all(&glass);
    fill('#');
    for (unsigned i = 0; i < 100 * ROWS; i++) {
        put("\n0");
    }
    (void)finish_drawing();
    assert_int_equal(fake.drawn_of['#'], 0);
    assert_int_equal(fake.drawn_of['0'], ROWS);
    check_equal();
}

static void test_turns_are_bounded(void **state)
{
    (void)state;
    start(240, 75);
    glass_draw_all(&glass);
    fill('x');
    unsigned turns = 0;
    uint64_t next_ns = 0;
    while (next_ns != NEVER_NS) {
        uint64_t begin_ns = fake.now_ns;
        fake.drawn = 0;
        next_ns = glass_turn(&glass, now);
        assert_in_range(fake.drawn, 1, TURN_CELLS_MAX);
        assert_true(fake.now_ns - begin_ns <= GLASS_TURN_NS + GLASS_PIECE_CELLS * CELL_NS);
        assert_true(next_ns == NEVER_NS || next_ns == begin_ns + GLASS_INTERVAL_NS);
        fake.now_ns = next_ns;
        turns++;
    }
    assert_in_range(turns, 18000 / TURN_CELLS_MAX, 18000 * CELL_NS / GLASS_TURN_NS + 1);
    check_equal();
}

// A clock that hardly moves, as beside an emulator, still lets each turn draw a piece.
static void test_a_turn_always_draws_a_piece(void **state)
{
    (void)state;
    glass_draw_all(&glass);
    fill('x');
    fake.drawn = 0;
    fake.cell_ns = GLASS_INTERVAL_NS;
    (void)glass_turn(&glass, now);
    assert_in_range(fake.drawn, GLASS_PIECE_CELLS, GLASS_PIECE_CELLS + 2);
}

static void test_turns_come_fifty_times_a_second(void **state)
{
    (void)state;
    uint64_t end_ns = fake.now_ns + NS_PER_S;
    glass_draw_all(&glass);
    fake.finished = 0;
    fake.cell_ns = 0;
    for (; fake.now_ns < end_ns; fake.now_ns += 10 * NS_PER_US) {
        put("a\nb\nc");
        (void)glass_turn(&glass, now);
    }
    assert_int_equal(fake.finished, 50);
}

static void test_a_turn_that_is_not_due_says_when_it_is(void **state)
{
    (void)state;
    glass_draw_all(&glass);
    uint64_t begin_ns = fake.now_ns;
    put("a");
    assert_int_equal(glass_turn(&glass, now), NEVER_NS);
    unsigned drawn = fake.drawn;
    put("b");
    assert_int_equal(glass_turn(&glass, now), begin_ns + GLASS_INTERVAL_NS);
    assert_int_equal(fake.drawn, drawn);
    fake.now_ns = begin_ns + GLASS_INTERVAL_NS;
    assert_int_equal(glass_turn(&glass, now), NEVER_NS);
    check_equal();
}

// The whole screen changes again and again. What is typed in the last row is in the next turn.
static void test_a_typed_key_does_not_wait_for_a_flood(void **state)
{
    (void)state;
    start(240, 75);
    glass_draw_all(&glass);
    const uint32_t *last_row = &fake.cells[(size_t)(screen.rows - 1) * screen.columns];
    for (unsigned i = 0; i < 26; i++) {
        char typed[] = {'\r', (char)('a' + i), '\0'};
        fill((char)('A' + i));
        put("\n");
        put(typed);
        fake.now_ns += GLASS_INTERVAL_NS;
        assert_true(glass_turn(&glass, now) != NEVER_NS);
        assert_int_equal((char)last_row[0], typed[1]);
        assert_true((last_row[1] & CURSOR) != 0);
    }
}

// While all rows change, no row is left out for ever.
static void test_a_flood_reaches_all_rows(void **state)
{
    (void)state;
    start(240, 75);
    glass_draw_all(&glass);
    bool reached[75] = {false};
    for (unsigned turn = 0; turn < 18000 / (GLASS_TURN_NS / CELL_NS - 1) + 75; turn++) {
        fill(turn % 2 ? 'x' : 'y');
        put("\n");
        fake.now_ns += GLASS_INTERVAL_NS;
        (void)glass_turn(&glass, now);
        for (unsigned row = 0; row < 75; row++) {
            reached[row] = reached[row] || (char)fake.cells[row * 240 + 239] != ' ';
        }
    }
    for (unsigned row = 0; row + 1 < 75; row++) {
        assert_true(reached[row]);
    }
}

static uint32_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 16) % limit;
}

// Any output, with turns in between, leaves the right picture.
static void check_noise(unsigned columns, unsigned rows)
{
    static const char alphabet[] = "\x1b[[[;;0123456789HJKCDm \n\n\t\b\rabcdefghijklm\xff";
    start(columns, rows);
    for (unsigned round = 0; round < 300; round++) {
        for (unsigned i = random_below(400); i > 0; i--) {
            text_screen_put(&screen, alphabet[random_below(sizeof(alphabet) - 1)]);
        }
        fake.cell_ns = random_below(20000);
        fake.now_ns += random_below(2 * (uint32_t)GLASS_INTERVAL_NS);
        (void)glass_turn(&glass, now);
        if (round % 10 == 0) {
            (void)finish_drawing();
            check_equal();
        }
    }
    glass_draw_all(&glass);
    check_equal();
}

static void test_noise(void **state)
{
    static const unsigned sizes[][2] = {{80, 25}, {1, 1}, {240, 75}, {2, 135}, {7, 3}};
    (void)state;
    for (random_state = 1; random_state <= 5; random_state++) {
        uint32_t seed = random_state;
        for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
            check_noise(sizes[i][0], sizes[i][1]);
        }
        random_state = seed;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_first_draw_draws_all, set_up),
        cmocka_unit_test_setup(test_only_what_differs_is_drawn, set_up),
        cmocka_unit_test_setup(test_what_scrolls_by_is_never_drawn, set_up),
        cmocka_unit_test_setup(test_turns_are_bounded, set_up),
        cmocka_unit_test_setup(test_a_turn_always_draws_a_piece, set_up),
        cmocka_unit_test_setup(test_turns_come_fifty_times_a_second, set_up),
        cmocka_unit_test_setup(test_a_turn_that_is_not_due_says_when_it_is, set_up),
        cmocka_unit_test_setup(test_a_typed_key_does_not_wait_for_a_flood, set_up),
        cmocka_unit_test_setup(test_a_flood_reaches_all_rows, set_up),
        cmocka_unit_test_setup(test_noise, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
