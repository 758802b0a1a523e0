// SPDX-License-Identifier: MIT
// Tests of low memory as a PC's firmware leaves it, read by address as an operating system does.
#include "vmm/board/bios_data.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/host/ram_fixture.h"
#include "vmm/memory/guest_map.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define DAY (24ULL * 60 * 60)

static struct reason why;

static int set_up(void **state)
{
    (void)state;
    ram_set(1 * MIB, 0xa5);
    return 0;
}

static void install(uint64_t wall_clock_s)
{
    assert_int_equal(bios_data_install(&memory, wall_clock_s, &why), STATUS_OK);
}

static uint32_t number(uint64_t address, unsigned bytes)
{
    uint32_t value = 0;
    memcpy(&value, ram + address, bytes);
    return value;
}

// What xv6, Plan 9 and FreeBSD do to find the MP tables and the end of RAM.
static void base_memory_and_ebda_agree_with_the_map(void **state)
{
    struct guest_map map;
    (void)state;
    install(0);
    guest_memory_map(&memory, &map);
    assert_int_equal(number(0x40e, 2) << 4, map.ranges[1].base);
    assert_int_equal(number(0x413, 2) * KIB, map.ranges[0].bytes);
    assert_int_equal(number(number(0x40e, 2) << 4, 1) * KIB, map.ranges[1].bytes);
}

static void the_hardware_is_listed(void **state)
{
    (void)state;
    install(0);
    assert_int_equal(number(0x400, 2), 0x3f8);
    for (uint64_t port = 0x402; port < 0x40e; port += 2) {
        assert_int_equal(number(port, 2), 0);
    }
    assert_int_equal(number(0x410, 2), 0x0222); // a coprocessor, 80 columns, one serial line
    assert_int_equal(number(0x475, 1), 0);      // no disk
    assert_int_equal(number(0x472, 2), 0);      // the start is a cold one
}

static void the_keyboard_buffer_is_empty(void **state)
{
    (void)state;
    install(0);
    assert_int_equal(number(0x41a, 2), number(0x41c, 2));
    assert_int_equal(number(0x480, 2), 0x1e);
    assert_int_equal(number(0x482, 2), 0x3e);
    assert_int_equal(number(0x41a, 2), number(0x480, 2));
    assert_int_equal(number(0x496, 1), 0x10);
}

static void the_screen_is_described(void **state)
{
    (void)state;
    install(0);
    assert_int_equal(number(0x449, 1), 3);
    assert_int_equal(number(0x44a, 2), 80);
    assert_int_equal(number(0x44c, 2), 0x1000);
    assert_int_equal(number(0x450, 2), 0); // the cursor of page 0
    assert_int_equal(number(0x463, 2), 0x3d4);
    assert_int_equal(number(0x484, 1) + 1, 25);
    assert_int_equal(number(0x485, 2), 16);
    assert_int_equal(number(0x489, 1) & 1, 1); // a VGA
}

static void the_screen_is_clear(void **state)
{
    (void)state;
    install(0);
    assert_int_equal(number(0xb8000 - 1, 1), 0xa5);
    for (uint64_t cell = 0xb8000; cell < 0xc0000; cell += 2) {
        assert_int_equal(number(cell, 2), 0x0720);
    }
}

static void no_adapter_has_a_rom(void **state)
{
    (void)state;
    install(0);
    for (uint64_t at = 0xc0000; at < 0xe0000; at += 4) {
        assert_int_equal(number(at, 4), UINT32_MAX);
    }
    assert_int_equal(number(0xe0000, 1), 0xa5);
}

static void ticks_count_from_midnight(void **state)
{
    (void)state;
    install(20000 * DAY);
    assert_int_equal(number(0x46c, 4), 0);
    install(20000 * DAY + DAY / 2);
    assert_int_equal(number(0x46c, 4), 0x1800b0 / 2);
    install(20000 * DAY + DAY - 1);
    assert_in_range(number(0x46c, 4), 0x1800b0 - 19, 0x1800b0 - 18);
    assert_int_equal(number(0x470, 1), 0);
}

static void nothing_else_is_touched(void **state)
{
    (void)state;
    install(0);
    assert_int_equal(number(0x3ff, 1), 0xa5);
    assert_int_equal(number(0x500, 1), 0xa5);
    assert_int_equal(number(GUEST_EBDA - 1, 1), 0xa5);
    assert_int_equal(number(GUEST_EBDA + 1, 1), 0xa5);
}

static void without_that_memory_it_is_refused(void **state)
{
    (void)state;
    ram_set(640 * KIB, 0);
    assert_int_equal(bios_data_install(&memory, 0, &why), STATUS_RANGE);
    assert_string_equal(why.text, "no RAM for the BIOS data area: mem= is below 1M");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, ram_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(base_memory_and_ebda_agree_with_the_map),
        TEST(the_hardware_is_listed),
        TEST(the_keyboard_buffer_is_empty),
        TEST(the_screen_is_described),
        TEST(the_screen_is_clear),
        TEST(no_adapter_has_a_rom),
        TEST(ticks_count_from_midnight),
        TEST(nothing_else_is_touched),
        TEST(without_that_memory_it_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
