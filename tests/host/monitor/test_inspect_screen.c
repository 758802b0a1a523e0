// SPDX-License-Identifier: MIT
// Tests of what is seen of a VM's text screen.
#include "vmm/monitor/inspect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/monitor/inspect_fixture.h"
#include "tests/host/monitor/monitor_fixture.h"
#include "vmm/monitor/inspect_screen.h"

static struct vm *web;
static struct reason why;

static int set_up(void **state)
{
    inspect_set_up(state);
    web = fixture.web;
    return 0;
}

static void set_crtc(uint8_t index, uint8_t value)
{
    vga_write(&web->pc->vga, 0x3d4 - VGA_FIRST_PORT, index);
    vga_write(&web->pc->vga, 0x3d5 - VGA_FIRST_PORT, value);
}

static void put(unsigned cell, const char *text)
{
    uint8_t *cells = fixture_ram(web, GUEST_VGA_TEXT);
    for (size_t at = cell; *text != '\0'; text++, at++) {
        cells[2 * (at % VGA_TEXT_CELLS)] = (uint8_t)*text;
        cells[2 * (at % VGA_TEXT_CELLS) + 1] = 0x1f;
    }
}

static const char *screen(void)
{
    shown[0] = '\0';
    assert_int_equal(inspect_screen(web, buffer, &shown_sink, &why), STATUS_OK);
    return shown;
}

static void an_empty_screen_is_its_size(void **state)
{
    (void)state;
    assert_string_equal(screen(), "80 columns, 25 rows, cursor in column 1 of row 1\n");
    for (unsigned row = 0; row < 25; row++) {
        put(80 * row, "                                                                  ");
    }
    assert_string_equal(screen(), "80 columns, 25 rows, cursor in column 1 of row 1\n");
}

static void rows_are_shown_without_their_ends(void **state)
{
    (void)state;
    put(0, "Memtest");
    put(2 * 80 + 3, "Pass  1%  ");
    put(24 * 80 + 79, "x");
    set_crtc(0x0e, 0);
    set_crtc(0x0f, 2 * 80 + 11);
    const char *text = screen();
    assert_non_null(strstr(text, "cursor in column 12 of row 3\n| Memtest\n|\n|    Pass  1%\n|\n"));
    assert_non_null(strstr(text, " \n|+  x\n")); // the last column of the last row
}

// A line of the sink never is as wide as the terminal, so the guest's text is always behind a bar.
static void wide_rows_are_continued(void **state)
{
    (void)state;
    char row[81];
    memset(row, 'x', 80);
    strcpy(row + 40, "husk> ");
    put(0, row);
    shown_sink.columns = 43;
    assert_non_null(strstr(screen(), "xx\n|+husk>\n"));
    shown_sink.columns = 3;
    assert_non_null(strstr(screen(), "\n| x\n|+x\n"));
}

static void the_start_address_scrolls_and_wraps(void **state)
{
    (void)state;
    put(VGA_TEXT_CELLS - 2, "abcd");
    set_crtc(0x0c, (VGA_TEXT_CELLS - 2) >> 8);
    set_crtc(0x0d, 0xfe);
    set_crtc(0x0e, 0);
    set_crtc(0x0f, 2); // behind the end
    assert_string_equal(screen(), "80 columns, 25 rows, cursor in column 5 of row 1\n| abcd\n");
}

static void other_characters_look_alike(void **state)
{
    (void)state;
    put(0, "\xc9\xcd\xcd\xbb \xb3\xdb\xb1 \x81\x94 \x1b \x7f \xff \x01");
    assert_non_null(strstr(screen(), "\n| +==+ |#: uo < ^   @\n"));
    for (unsigned i = 1; i < 256; i++) {
        char one[2] = {(char)i, '\0'};
        put(0, one);
        for (const char *at = screen(); *at != '\0'; at++) {
            assert_true((*at >= ' ' && *at <= '~') || *at == '\n');
        }
    }
}

static void a_cursor_behind_the_last_row_is_off(void **state)
{
    (void)state;
    set_crtc(0x0e, (25 * 80 - 1) >> 8);
    set_crtc(0x0f, (25 * 80 - 1) & 0xff);
    assert_string_equal(screen(), "80 columns, 25 rows, cursor in column 80 of row 25\n");
    set_crtc(0x0f, (25 * 80) & 0xff);
    assert_string_equal(screen(), "80 columns, 25 rows, cursor off\n");
}

static void odd_sizes_are_cut(void **state)
{
    (void)state;
    set_crtc(0x11, 0);
    set_crtc(0x01, 0xff); // 256 columns
    set_crtc(0x13, 0);    // every row is the same
    set_crtc(0x09, 0);    // 400 rows
    put(0, "all over");
    const char *text = screen();
    assert_non_null(strstr(text, "256 columns, 400 rows, cursor off\n| all over\n| all over\n"));
    assert_true(strlen(text) < 50 * 84 + 64);
    set_crtc(0x0a, 0x20);
    set_crtc(0x13, 0x28);
    assert_non_null(strstr(screen(), "cursor off"));
}

static void graphics_are_refused(void **state)
{
    (void)state;
    vga_write(&web->pc->vga, 0x3ce - VGA_FIRST_PORT, 6);
    vga_write(&web->pc->vga, 0x3cf - VGA_FIRST_PORT, 5);
    assert_int_equal(inspect_screen(web, buffer, &shown_sink, &why), STATUS_UNSUPPORTED);
    assert_string_equal(why.text, "web shows graphics, not text");
}

static void a_vm_that_is_off_has_none(void **state)
{
    (void)state;
    assert_int_equal(inspect_screen(fixture.spare, buffer, &shown_sink, &why), STATUS_BUSY);
    assert_string_equal(why.text, "spare is off: it has no screen");
    assert_string_equal(shown, "");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_screen_is_its_size), TEST(rows_are_shown_without_their_ends),
        TEST(wide_rows_are_continued),     TEST(the_start_address_scrolls_and_wraps),
        TEST(other_characters_look_alike), TEST(a_cursor_behind_the_last_row_is_off),
        TEST(other_characters_look_alike), TEST(odd_sizes_are_cut),
        TEST(graphics_are_refused),        TEST(a_vm_that_is_off_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
