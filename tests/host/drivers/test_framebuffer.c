// SPDX-License-Identifier: MIT
// Tests of the framebuffer console: the right pixels in every depth, and no pixel outside.
#include "drivers/font.h"
#include "drivers/framebuffer.h"
#include "drivers/glass.h"
#include "drivers/text_screen.h"
#include "vmm/util/string.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define UNTOUCHED 0x5a
#define CURSOR_FIRST_ROW 14

static const struct framebuffer_mode mode_32 = {.pitch = 1300 * 4,
                                                .width = 1280,
                                                .height = 720,
                                                .bits_per_pixel = 32,
                                                .red = {16, 8},
                                                .green = {8, 8},
                                                .blue = {0, 8}};

static const struct framebuffer_mode mode_24 = {.pitch = 643 * 3,
                                                .width = 643,
                                                .height = 487,
                                                .bits_per_pixel = 24,
                                                .red = {0, 8},
                                                .green = {8, 8},
                                                .blue = {16, 8}};

static const struct framebuffer_mode mode_16 = {.pitch = 2048,
                                                .width = 800,
                                                .height = 600,
                                                .bits_per_pixel = 16,
                                                .red = {11, 5},
                                                .green = {5, 6},
                                                .blue = {0, 5}};

static struct framebuffer framebuffer;
static struct text_screen screen;
static struct glass glass;
static uint8_t *pixels;

// `pixels` is exactly as long as the mode needs, so ASan finds a write beyond.
static void start(const struct framebuffer_mode *mode)
{
    struct reason why;
    assert_int_equal(framebuffer_check(mode, &why), STATUS_OK);
    free(pixels);
    pixels = malloc(framebuffer_bytes(mode));
    memset(pixels, UNTOUCHED, framebuffer_bytes(mode));
    framebuffer_init(&framebuffer, mode, pixels);
    text_screen_init(&screen, framebuffer.columns, framebuffer.rows);
    glass_init(&glass, &screen, &framebuffer.display);
    assert_int_equal(screen.columns, framebuffer.columns);
    assert_int_equal(screen.rows, framebuffer.rows);
}

static int teardown(void **state)
{
    (void)state;
    free(pixels);
    pixels = NULL;
    return 0;
}

static void show(const char *text)
{
    for (; *text != '\0'; text++) {
        text_screen_put(&screen, *text);
    }
    glass_draw_all(&glass);
}

static uint32_t pixel_at(const struct framebuffer_mode *mode, unsigned x, unsigned y)
{
    unsigned bytes = mode->bits_per_pixel / 8;
    uint32_t value = 0;
    memcpy(&value, pixels + (size_t)y * mode->pitch + (size_t)x * bytes, bytes);
    return value;
}

// The colour that a cell's dot must have: `x` and `y` count pixels from the first cell.
static unsigned expected_colour(unsigned x, unsigned y)
{
    unsigned column = x / (FONT_WIDTH * framebuffer.scale);
    unsigned row = y / (FONT_HEIGHT * framebuffer.scale);
    unsigned dot_x = x / framebuffer.scale % FONT_WIDTH;
    unsigned dot_y = y / framebuffer.scale % FONT_HEIGHT;
    uint16_t cell = text_screen_row(&screen, row)[column];
    unsigned cursor_column = MIN(screen.column, screen.columns - 1);
    bool cursor = row == screen.row && column == cursor_column && dot_y >= CURSOR_FIRST_ROW;
    bool set = cursor || (font_row((char)cell, dot_y) << dot_x & 0x80) != 0;
    return set ? cell >> 8 & 0xf : cell >> 12 & 7;
}

// Checks every pixel: the cells, the margins (black), and the memory between the lines (unchanged).
static void check_all(const struct framebuffer_mode *mode)
{
    unsigned width = framebuffer.columns * FONT_WIDTH * framebuffer.scale;
    unsigned height = framebuffer.rows * FONT_HEIGHT * framebuffer.scale;
    unsigned left = (mode->width - width) / 2;
    unsigned top = (mode->height - height) / 2;
    for (unsigned y = 0; y < mode->height; y++) {
        for (unsigned x = 0; x < mode->width; x++) {
            bool inside = x >= left && x < left + width && y >= top && y < top + height;
            unsigned colour = inside ? expected_colour(x - left, y - top) : 0;
            assert_int_equal(pixel_at(mode, x, y), framebuffer.palette[colour]);
        }
        uint64_t used = (uint64_t)mode->width * mode->bits_per_pixel / 8;
        for (uint64_t i = used; i < mode->pitch && y + 1 < mode->height; i++) {
            assert_int_equal(pixels[(uint64_t)y * mode->pitch + i], UNTOUCHED);
        }
    }
}

static void test_palette_follows_the_masks(void **state)
{
    (void)state;
    start(&mode_32);
    assert_int_equal(framebuffer.palette[0], 0);
    assert_int_equal(framebuffer.palette[1], 0x0000aa);
    assert_int_equal(framebuffer.palette[6], 0xaa5500);
    assert_int_equal(framebuffer.palette[15], 0xffffff);
    start(&mode_24);
    assert_int_equal(framebuffer.palette[1], 0xaa0000);
    assert_int_equal(framebuffer.palette[6], 0x0055aa);
    start(&mode_16);
    assert_int_equal(framebuffer.palette[4], 21 << 11);
    assert_int_equal(framebuffer.palette[10], 10 << 11 | 63 << 5 | 10);
    assert_int_equal(framebuffer.palette[15], 0xffff);
    struct framebuffer_mode deep = mode_32; // 10 bits a colour
    deep.red = (struct framebuffer_field){20, 10};
    deep.green = (struct framebuffer_field){10, 10};
    deep.blue = (struct framebuffer_field){0, 10};
    start(&deep);
    assert_int_equal(framebuffer.palette[15], 0x3fffffff);
}

static void test_every_depth(void **state)
{
    static const struct framebuffer_mode *const modes[] = {&mode_32, &mode_24, &mode_16};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
        start(modes[i]);
        show("Husk \x1b[32mgreen\x1b[0m, \x1b[1;37;44mbright on blue\x1b[0m, \xb3\n");
        check_all(modes[i]);
        for (unsigned character = ' '; character <= '~'; character++) {
            char text[] = {(char)character, '\0'};
            show(text);
        }
        check_all(modes[i]);
    }
}

static void test_cursor_moves_without_a_trace(void **state)
{
    (void)state;
    start(&mode_24);
    show("one\ntwo");
    check_all(&mode_24);
    show("\x1b[1;2H");
    check_all(&mode_24);
    show("\x1b[5;5H");
    check_all(&mode_24);
}

static void test_scrolled_text_is_right(void **state)
{
    (void)state;
    start(&mode_24);
    for (unsigned i = 0; i < 3 * screen.rows; i++) {
        char text[] = {(char)('a' + i % 26), (char)('0' + i % 10), '\n', '\0'};
        show(text);
    }
    check_all(&mode_24);
    show("\x1b[2J");
    check_all(&mode_24);
}

// The driver does not write pixels that are already on the screen: the marks stay.
static void test_only_changed_cells_are_drawn(void **state)
{
    (void)state;
    start(&mode_32);
    show("same\nsame\n");
    memset(pixels, UNTOUCHED, framebuffer_bytes(&mode_32));
    show("\x1b[1;1Hsame\nsomx\n\x1b[2;1H");
    for (unsigned y = 0; y < 2 * FONT_HEIGHT; y++) {
        for (unsigned x = 0; x < 8 * FONT_WIDTH; x++) {
            unsigned column = x / FONT_WIDTH;
            bool cursor = column == 0 && y >= FONT_HEIGHT;
            bool changed = (column == 1 || column == 3) && y >= FONT_HEIGHT;
            uint32_t mark = UNTOUCHED * 0x01010101U;
            assert_int_equal(pixel_at(&mode_32, x, y) != mark, cursor || changed);
        }
    }
}

static void check_layout(unsigned width, unsigned height, unsigned scale, unsigned columns,
                         unsigned rows)
{
    struct framebuffer_mode mode = mode_32;
    mode.width = width;
    mode.height = height;
    mode.pitch = width * 4;
    start(&mode);
    assert_int_equal(framebuffer.scale, scale);
    assert_int_equal(framebuffer.columns, columns);
    assert_int_equal(framebuffer.rows, rows);
    show("x");
    uint64_t offset = (uint64_t)(framebuffer.pixels - pixels);
    assert_int_equal(offset % mode.pitch / 4, (width - columns * scale * FONT_WIDTH) / 2);
    assert_int_equal(offset / mode.pitch, (height - rows * scale * FONT_HEIGHT) / 2);
}

static void test_layouts(void **state)
{
    (void)state;
    check_layout(640, 480, 1, 80, 30);
    check_layout(800, 600, 1, 100, 37);
    check_layout(1280, 720, 1, 160, 45);
    check_layout(1366, 768, 1, 170, 48);
    check_layout(1920, 1080, 1, 240, 67);
    check_layout(1920, 1200, 1, 240, 75);
    check_layout(2560, 1440, 2, 160, 45);
    check_layout(3840, 2160, 3, 160, 45);
    check_layout(3840, 1080, 1, 240, 67);
    check_layout(1200, 1920, 1, 150, 120);
    check_layout(8, 16, 1, 1, 1);
}

static void test_large_characters(void **state)
{
    struct framebuffer_mode mode = mode_24;
    (void)state;
    mode.width = 2560;
    mode.height = 1440;
    mode.pitch = 2560 * 3;
    start(&mode);
    show("\x1b[7mLarge\x1b[0m\n\x1b[45;160H!");
    check_all(&mode);
}

static void refuse_mode(struct framebuffer_mode mode, const char *expected)
{
    struct reason why;
    assert_int_not_equal(framebuffer_check(&mode, &why), STATUS_OK);
    assert_string_equal(why.text, expected);
}

static void test_impossible_modes(void **state)
{
    struct framebuffer_mode mode = mode_32;
    (void)state;
    mode.bits_per_pixel = 8;
    refuse_mode(mode, "8 bits a pixel, 16, 24 or 32 expected");
    mode = mode_32;
    mode.width = 7;
    refuse_mode(mode, "7 x 720 pixels");
    mode.width = UINT32_MAX;
    refuse_mode(mode, "4294967295 x 720 pixels");
    mode = mode_32;
    mode.height = 0;
    refuse_mode(mode, "1280 x 0 pixels");
    mode = mode_32;
    mode.pitch = 1280 * 4 - 1;
    refuse_mode(mode, "5119 bytes a line of 1280 pixels");
    mode.pitch = UINT32_MAX;
    refuse_mode(mode, "4294967295 bytes a line of 1280 pixels");
    mode = mode_24;
    mode.blue.position = 17;
    refuse_mode(mode, "a colour does not fit into its pixel");
    mode = mode_32;
    mode.red = (struct framebuffer_field){0, 32};
    refuse_mode(mode, "a colour does not fit into its pixel");
}

// All glyphs differ, and only the space is empty.
static void test_font_glyphs_differ(void **state)
{
    (void)state;
    for (unsigned a = ' '; a <= 0x7f; a++) {
        uint8_t ink = 0;
        for (unsigned y = 0; y < FONT_HEIGHT; y++) {
            ink |= font_row((char)a, y);
        }
        assert_int_equal(ink != 0, a != ' ');
        for (unsigned b = ' '; b < a; b++) {
            bool same = true;
            for (unsigned y = 0; y < FONT_HEIGHT; y++) {
                same = same && font_row((char)a, y) == font_row((char)b, y);
            }
            assert_false(same);
        }
    }
    assert_int_equal(font_row('\n', 5), font_row('\x7f', 5));
    assert_int_equal(font_row('\xff', 5), font_row('\x7f', 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_palette_follows_the_masks, teardown),
        cmocka_unit_test_teardown(test_every_depth, teardown),
        cmocka_unit_test_teardown(test_cursor_moves_without_a_trace, teardown),
        cmocka_unit_test_teardown(test_scrolled_text_is_right, teardown),
        cmocka_unit_test_teardown(test_only_changed_cells_are_drawn, teardown),
        cmocka_unit_test_teardown(test_layouts, teardown),
        cmocka_unit_test_teardown(test_large_characters, teardown),
        cmocka_unit_test(test_impossible_modes),
        cmocka_unit_test(test_font_glyphs_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
