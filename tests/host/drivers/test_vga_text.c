// SPDX-License-Identifier: MIT
// Tests of the VGA's text mode: which cells and registers of the chip are written.
#include "drivers/vga_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "arch/x86/paging.h"
#include "drivers/glass.h"
#include "drivers/text_screen.h"
#include "tests/host/fake_ports.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/types.h"

#define CELLS (VGA_TEXT_COLUMNS * VGA_TEXT_ROWS)
#define CRTC_INDEX 0x3d4
#define CRTC_DATA 0x3d5
#define CURSOR_HIGH 0x0e
#define CURSOR_LOW 0x0f
#define UNTOUCHED 0x5a5a

static uint16_t memory[CELLS];
static uint8_t crtc[UINT8_MAX + 1];
static uint8_t crtc_index;
static bool missing;
static uint64_t now_ns;

static struct text_screen screen;
static struct glass glass;

static void write_port(uint16_t port, uint8_t value)
{
    if (port == CRTC_INDEX) {
        crtc_index = value;
        return;
    }
    assert_int_equal(port, CRTC_DATA);
    crtc[crtc_index] = value;
}

static uint8_t read_port(uint16_t port)
{
    assert_int_equal(port, CRTC_DATA);
    return missing ? UINT8_MAX : crtc[crtc_index];
}

volatile void *paging_map_device(uint64_t physical, uint64_t bytes, enum cache_type type)
{
    assert_int_equal(physical, VGA_TEXT_ADDRESS);
    assert_int_equal(bytes, sizeof(memory));
    assert_int_equal(type, CACHE_UNCACHED);
    return memory;
}

static int set_up(void **state)
{
    (void)state;
    fake_ports = (struct fake_ports){.read = read_port, .write = write_port};
    missing = false;
    now_ns = NS_PER_S;
    text_screen_init(&screen, VGA_TEXT_COLUMNS, VGA_TEXT_ROWS);
    glass_init(&glass, &screen, vga_text_init(VGA_TEXT_ADDRESS, VGA_TEXT_COLUMNS, VGA_TEXT_ROWS));
    glass_draw_all(&glass);
    return 0;
}

static uint64_t now(void)
{
    return now_ns;
}

static void put(const char *text)
{
    for (; *text != '\0'; text++) {
        text_screen_put(&screen, *text);
    }
}

static void check_equal(void)
{
    for (unsigned i = 0; i < CELLS; i++) {
        const uint16_t *row = text_screen_row(&screen, i / VGA_TEXT_COLUMNS);
        assert_int_equal(memory[i], row[i % VGA_TEXT_COLUMNS]);
    }
    unsigned column = MIN(screen.column, screen.columns - 1);
    assert_int_equal(crtc[CURSOR_HIGH] << 8 | crtc[CURSOR_LOW],
                     screen.row * screen.columns + column);
}

static void test_chip_is_found(void **state)
{
    (void)state;
    assert_true(vga_text_present());
    missing = true;
    assert_false(vga_text_present());
}

static void test_sizes(void **state)
{
    (void)state;
    assert_true(vga_text_has(80, 25));
    assert_true(vga_text_has(132, 60));
    assert_false(vga_text_has(0, 25));
    assert_false(vga_text_has(80, 0));
    assert_false(vga_text_has(240, 75)); // more than the chip's 32 KiB
}

static void test_text_and_cursor(void **state)
{
    (void)state;
    check_equal();
    put("one\n\x1b[31mtwo");
    glass_draw_all(&glass);
    check_equal();
    for (unsigned i = 0; i < 3 * VGA_TEXT_ROWS; i++) {
        put("scrolls\n");
        glass_draw_all(&glass);
        check_equal();
    }
}

// What is on the screen already is not written again: the marks stay.
static void test_only_what_differs_is_written(void **state)
{
    (void)state;
    put("same\n");
    glass_draw_all(&glass);
    for (unsigned i = 0; i < CELLS; i++) {
        memory[i] = UNTOUCHED;
    }
    put("\x1b[1;1Hsome\x1b[2;1H");
    assert_int_equal(glass_turn(&glass, now), NEVER_NS);
    for (unsigned i = 0; i < CELLS; i++) {
        assert_int_equal(memory[i] != UNTOUCHED, i == 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_chip_is_found, set_up),
        cmocka_unit_test_setup(test_sizes, set_up),
        cmocka_unit_test_setup(test_text_and_cursor, set_up),
        cmocka_unit_test_setup(test_only_what_differs_is_written, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
