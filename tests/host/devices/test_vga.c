// SPDX-License-Identifier: MIT
// Tests of a VM's VGA registers: indexed registers, flip-flop, palette, retrace, the text view.
#include "vmm/devices/vga.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define FRAME_NS (449 * 31778ULL)

static struct vga vga;

static int set_up(void **state)
{
    (void)state;
    vga_init(&vga);
    return 0;
}

static uint8_t in(uint16_t port)
{
    return vga_read(&vga, (unsigned)(port - VGA_FIRST_PORT), 0);
}

static void out(uint16_t port, uint8_t value)
{
    vga_write(&vga, (unsigned)(port - VGA_FIRST_PORT), value);
}

static void set(uint16_t port, uint8_t index, uint8_t value)
{
    out(port, index);
    out(port + 1, value);
}

static uint8_t get(uint16_t port, uint8_t index)
{
    out(port, index);
    return in(port + 1);
}

// ---- Registers ----

static void indexed_registers_are_kept(void **state)
{
    static const struct {
        uint16_t port;
        unsigned count;
    } sets[] = {{0x3c4, 5}, {0x3ce, 9}, {0x3d4, 25}};

    (void)state;
    set(0x3d4, 0x11, 0); // else the first eight CRTC registers are protected
    for (unsigned s = 0; s < ARRAY_SIZE(sets); s++) {
        for (unsigned i = 0; i < 256; i++) {
            uint8_t value = (uint8_t)(i ^ 0x5a) & 0x7f;
            set(sets[s].port, (uint8_t)i, value);
            assert_int_equal(in(sets[s].port), i);
            assert_int_equal(in(sets[s].port + 1), i < sets[s].count ? value : 0);
        }
    }
}

static void the_first_crtc_registers_are_protected(void **state)
{
    (void)state;
    set(0x3d4, 0x01, 0x11);
    assert_int_equal(get(0x3d4, 0x01), 0x4f);
    set(0x3d4, 0x07, 0xef); // protected but for one bit
    assert_int_equal(get(0x3d4, 0x07), 0x0f);
    set(0x3d4, 0x11, 0x0e);
    set(0x3d4, 0x01, 0x11);
    assert_int_equal(get(0x3d4, 0x01), 0x11);
}

static void the_attribute_port_is_index_and_data_by_turns(void **state)
{
    (void)state;
    in(0x3da); // the next write is an index
    out(0x3c0, 0x30);
    out(0x3c0, 0x04);
    assert_int_equal(in(0x3c0), 0x30);
    assert_int_equal(in(0x3c1), 0x04);
    out(0x3c0, 0x05); // one half of a write
    in(0x3da);
    out(0x3c0, 0x10);
    assert_int_equal(in(0x3c1), 0x04);
    out(0x3c0, 0x0c);
    assert_int_equal(in(0x3c1), 0x0c);
    in(0x3da);
    out(0x3c0, 0x1f); // there is no such register
    out(0x3c0, 0xff);
    assert_int_equal(in(0x3c1), 0);
}

static void the_palette_is_three_bytes_an_entry(void **state)
{
    (void)state;
    out(0x3c7, 7); // light grey
    assert_int_equal(in(0x3c7), 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(in(0x3c9), 42);
    }
    out(0x3c7, 0x14); // brown: a red and half a green
    assert_int_equal(in(0x3c9), 42);
    assert_int_equal(in(0x3c9), 21);
    assert_int_equal(in(0x3c9), 0);
    out(0x3c8, 255);
    assert_int_equal(in(0x3c7), 0);
    for (unsigned i = 0; i < 6; i++) {
        out(0x3c9, 0xff);
    }
    out(0x3c7, 255);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(in(0x3c9), 0x3f); // six bits each; the first follows the last
    }
    assert_int_equal(in(0x3c8), 1);
    out(0x3c6, 0x0f);
    assert_int_equal(in(0x3c6), 0x0f);
}

static void the_colour_bit_moves_the_crtc(void **state)
{
    (void)state;
    assert_int_equal(in(0x3cc), 0x67);
    assert_int_equal(in(0x3b4), 0xff);
    out(0x3b4, 0x0e);
    out(0x3d4, 0x0f);
    out(0x3c2, 0x66);
    assert_int_equal(in(0x3cc), 0x66);
    assert_int_equal(in(0x3d4), 0xff);
    assert_int_equal(in(0x3da), 0xff);
    assert_int_equal(in(0x3b4), 0x0f);
    set(0x3b4, 0x0f, 0x77);
    out(0x3ba, 0x03);
    assert_int_equal(in(0x3ca), 0x03);
    out(0x3c2, 0x67);
    assert_int_equal(get(0x3d4, 0x0f), 0x77);
}

static void retrace_comes_once_a_frame(void **state)
{
    unsigned starts = 0;
    uint8_t before = 0;
    (void)state;
    for (uint64_t ns = 0; ns < 10 * FRAME_NS; ns += 1000) {
        uint8_t status = vga_read(&vga, 0x2a, ns);
        assert_int_equal(status & ~9, 0);
        assert_true((status & 1) || !(status & 8)); // during retrace the screen is blank
        starts += (status & 8) && !(before & 8);
        before = status;
    }
    assert_int_equal(starts, 10);
}

static void every_port_is_defined(void **state)
{
    (void)state;
    for (unsigned colour = 0; colour < 2; colour++) {
        for (unsigned port = 0x3b0; port < 0x3e0; port++) {
            for (unsigned value = 0; value < 256; value += 51) {
                out((uint16_t)port, (uint8_t)value);
                in((uint16_t)port);
            }
        }
        out(0x3c2, (uint8_t)colour);
    }
    assert_int_equal(in(0x3bc), 0xff); // the printer port is not the adapter's
}

// ---- The view ----

static void it_starts_in_mode_3(void **state)
{
    struct vga_view view = vga_view(&vga);
    (void)state;
    assert_true(view.is_text && view.cursor_shown);
    assert_int_equal(view.columns, 80);
    assert_int_equal(view.rows, 25);
    assert_int_equal(view.row_pitch, 80);
    assert_int_equal(view.start, 0);
    assert_int_equal(view.cursor, 0);
}

static void the_cursor_and_the_start_move(void **state)
{
    (void)state;
    set(0x3d4, 0x0e, 0x01);
    set(0x3d4, 0x0f, 0x02);
    set(0x3d4, 0x0c, 0xff);
    set(0x3d4, 0x0d, 0x50);
    struct vga_view view = vga_view(&vga);
    assert_int_equal(view.cursor, 0x102);
    assert_int_equal(view.start, 0x3f50); // the text memory has 32 KiB, so the start wraps
    set(0x3d4, 0x0a, 0x2d);
    assert_false(vga_view(&vga).cursor_shown);
    set(0x3d4, 0x0a, 0x0f); // the cursor's first line is below its last
    assert_false(vga_view(&vga).cursor_shown);
}

static void a_lower_font_gives_more_rows(void **state)
{
    (void)state;
    set(0x3d4, 0x09, 0x47);
    assert_int_equal(vga_view(&vga).rows, 50);
    set(0x3d4, 0x11, 0);
    set(0x3d4, 0x07, 0);
    set(0x3d4, 0x12, 0);
    assert_int_equal(vga_view(&vga).rows, 1); // there is always a row
}

static void graphics_modes_are_no_text(void **state)
{
    (void)state;
    set(0x3ce, 0x06, 0x05);
    assert_false(vga_view(&vga).is_text);
    set(0x3ce, 0x06, 0x0e);
    in(0x3da);
    out(0x3c0, 0x10);
    out(0x3c0, 0x41);
    assert_false(vga_view(&vga).is_text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(indexed_registers_are_kept, set_up),
        cmocka_unit_test_setup(the_first_crtc_registers_are_protected, set_up),
        cmocka_unit_test_setup(the_attribute_port_is_index_and_data_by_turns, set_up),
        cmocka_unit_test_setup(the_palette_is_three_bytes_an_entry, set_up),
        cmocka_unit_test_setup(the_colour_bit_moves_the_crtc, set_up),
        cmocka_unit_test_setup(retrace_comes_once_a_frame, set_up),
        cmocka_unit_test_setup(every_port_is_defined, set_up),
        cmocka_unit_test_setup(it_starts_in_mode_3, set_up),
        cmocka_unit_test_setup(the_cursor_and_the_start_move, set_up),
        cmocka_unit_test_setup(a_lower_font_gives_more_rows, set_up),
        cmocka_unit_test_setup(graphics_modes_are_no_text, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
