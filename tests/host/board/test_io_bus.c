// SPDX-License-Identifier: MIT
// Tests of the port bus: which device answers, in which width, and what other ports give.
#include "vmm/board/io_bus.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct device {
    struct io_range range;
    uint8_t bytes[8];
    unsigned last_width;
    unsigned accesses;
};

static struct io_bus bus;
static struct device narrow;
static struct device wide;

static uint32_t device_read(struct io_range *range, unsigned offset, unsigned width)
{
    struct device *device = container_of(range, struct device, range);
    uint32_t value = 0;
    device->last_width = width;
    device->accesses++;
    for (unsigned i = 0; i < width; i++) {
        value |= (uint32_t)device->bytes[offset + i] << (8 * i);
    }
    return value;
}

static void device_write(struct io_range *range, unsigned offset, unsigned width, uint32_t value)
{
    struct device *device = container_of(range, struct device, range);
    device->last_width = width;
    device->accesses++;
    for (unsigned i = 0; i < width; i++) {
        device->bytes[offset + i] = (uint8_t)(value >> (8 * i));
    }
}

static int set_up(void **state)
{
    (void)state;
    io_bus_init(&bus);
    narrow = (struct device){.range = {0x100, 4, false, device_read, device_write},
                             .bytes = {0x11, 0x22, 0x33, 0x44}};
    wide = (struct device){.range = {0x104, 1, true, device_read, device_write},
                           .bytes = {0xaa, 0xbb, 0xcc, 0xdd}};
    io_bus_claim(&bus, &narrow.range);
    io_bus_claim(&bus, &wide.range);
    return 0;
}

static void ports_reach_their_device(void **state)
{
    (void)state;
    assert_int_equal(io_bus_read(&bus, 0x100, 1), 0x11);
    assert_int_equal(io_bus_read(&bus, 0x103, 1), 0x44);
    io_bus_write(&bus, 0x102, 1, 0x77);
    assert_int_equal(narrow.bytes[2], 0x77);
    assert_int_equal(wide.accesses, 0);
    assert_int_equal(bus.unclaimed, 0);
}

static void byte_devices_get_wide_accesses_in_bytes(void **state)
{
    (void)state;
    assert_int_equal(io_bus_read(&bus, 0x101, 2), 0x3322);
    assert_int_equal(io_bus_read(&bus, 0x100, 4), 0x44332211);
    assert_int_equal(narrow.last_width, 1);
    assert_int_equal(narrow.accesses, 6);
    io_bus_write(&bus, 0x100, 4, 0xd4c3b2a1);
    assert_int_equal(narrow.bytes[0], 0xa1);
    assert_int_equal(narrow.bytes[3], 0xd4);
    io_bus_write(&bus, 0x100, 1, 0xffffff55); // only the byte counts
    assert_int_equal(narrow.bytes[0], 0x55);
}

static void wide_devices_get_them_whole(void **state)
{
    (void)state;
    assert_int_equal(io_bus_read(&bus, 0x104, 4), 0xddccbbaa);
    assert_int_equal(wide.last_width, 4);
    io_bus_write(&bus, 0x104, 2, 0x1234);
    assert_int_equal(wide.last_width, 2);
    assert_int_equal(wide.accesses, 2);
    assert_int_equal(io_bus_read(&bus, 0x104, 1), 0x34);
}

static void an_access_over_the_edge_is_split(void **state)
{
    (void)state;
    assert_int_equal(io_bus_read(&bus, 0x102, 4), 0xffaa4433); // narrow, narrow, wide, nobody
    assert_int_equal(wide.last_width, 1);
    assert_int_equal(bus.unclaimed, 1);
    io_bus_write(&bus, 0xff, 2, 0x9988);
    assert_int_equal(narrow.bytes[0], 0x99);
}

static void nobody_reads_ones_and_is_counted(void **state)
{
    (void)state;
    assert_int_equal(io_bus_read(&bus, 0x80, 1), 0xff);
    assert_int_equal(bus.unclaimed, 1);
    assert_int_equal(bus.last_unclaimed, 0x80);
    assert_int_equal(io_bus_read(&bus, 0x200, 2), 0xffff);
    assert_int_equal(io_bus_read(&bus, 0xcf8, 4), 0xffffffff);
    assert_int_equal(bus.unclaimed, 3); // it counts accesses, not bytes
    assert_int_equal(bus.last_unclaimed, 0xcf8);
    io_bus_write(&bus, 0xcf8, 4, 0);
    assert_int_equal(bus.last_unclaimed, 0xcf8);
    io_bus_write(&bus, 0xffff, 1, 0);
    assert_int_equal(bus.unclaimed, 5);
    assert_int_equal(bus.last_unclaimed, 0xffff);
}

static void every_port_of_the_rest_is_nobody(void **state)
{
    (void)state;
    for (unsigned port = 0; port <= UINT16_MAX; port++) {
        bool claimed = port >= 0x100 && port <= 0x104;

        if (!claimed) {
            assert_int_equal(io_bus_read(&bus, (uint16_t)port, 1), 0xff);
            io_bus_write(&bus, (uint16_t)port, 1, 0);
        }
    }
    assert_int_equal(narrow.accesses + wide.accesses, 0);
    assert_int_equal(bus.unclaimed, 2 * (0x10000 - 5));
}

// There are 16 address lines, so port 0 follows the last port.
static void ports_wrap_at_64_kib(void **state)
{
    struct device zero = {.range = {0, 2, false, device_read, device_write}, .bytes = {7, 8}};
    (void)state;
    io_bus_claim(&bus, &zero.range);
    assert_int_equal(io_bus_read(&bus, 0xffff, 2), 0x07ff);
    io_bus_write(&bus, 0xfffe, 4, 0x44332211);
    assert_int_equal(zero.bytes[0], 0x33);
    assert_int_equal(zero.bytes[1], 0x44);
}

static void the_highest_fast_port_works(void **state)
{
    struct device last = {.range = {IO_BUS_FAST_PORTS - 1, 1, true, device_read, device_write},
                          .bytes = {1, 2, 3, 4}};
    (void)state;
    io_bus_claim(&bus, &last.range);
    assert_int_equal(io_bus_read(&bus, IO_BUS_FAST_PORTS - 1, 4), 0x04030201);
    assert_int_equal(io_bus_read(&bus, IO_BUS_FAST_PORTS, 1), 0xff);
}

// ---- Ranges that come and go ----

static struct device near;
static struct device far;

static void claim_bars(void)
{
    near = (struct device){.range = {0x102, 4, true, device_read, device_write},
                           .bytes = {1, 2, 3, 4}};
    far = (struct device){.range = {0xfffc, 4, true, device_read, device_write},
                          .bytes = {5, 6, 7, 8}};
    io_bus_claim_bar(&bus, &near.range);
    io_bus_claim_bar(&bus, &far.range);
}

static void a_bar_has_what_nobody_has(void **state)
{
    (void)state;
    claim_bars();
    assert_int_equal(io_bus_read(&bus, 0x102, 1), 0x33); // the device was there first
    assert_int_equal(io_bus_read(&bus, 0x104, 1), 0xaa);
    assert_int_equal(io_bus_read(&bus, 0x105, 1), 4);
    assert_int_equal(io_bus_read(&bus, 0xfffc, 4), 0x08070605);
    io_bus_write(&bus, 0xffff, 1, 0x55);
    assert_int_equal(io_bus_read(&bus, 0xffff, 1), 0x55);
    assert_int_equal(bus.unclaimed, 0);
}

static void of_two_bars_the_first_answers(void **state)
{
    (void)state;
    struct device late = {.range = {0xfffe, 2, true, device_read, device_write}};
    claim_bars();
    io_bus_claim_bar(&bus, &late.range);
    io_bus_read(&bus, 0xfffe, 2);
    assert_int_equal(late.accesses, 0);
    late.range.first = 0x105;
    io_bus_claim_bar(&bus, &late.range);
    io_bus_read(&bus, 0x105, 1);
    assert_int_equal(late.accesses, 0);
    io_bus_read(&bus, 0x106, 1);
    assert_int_equal(late.accesses, 1);
}

static void released_ports_are_nobodys(void **state)
{
    (void)state;
    claim_bars();
    io_bus_release_bars(&bus);
    assert_int_equal(io_bus_read(&bus, 0x105, 1), 0xff);
    assert_int_equal(io_bus_read(&bus, 0xfffc, 4), UINT32_MAX);
    assert_int_equal(bus.unclaimed, 2);
    assert_int_equal(io_bus_read(&bus, 0x102, 1), 0x33);
    claim_bars();
    assert_int_equal(io_bus_read(&bus, 0x105, 1), 4);
}

static void a_bar_can_end_behind_the_table(void **state)
{
    (void)state;
    struct device edge = {.range = {IO_BUS_FAST_PORTS - 2, 4, true, device_read, device_write},
                          .bytes = {1, 2, 3, 4}};
    io_bus_claim_bar(&bus, &edge.range);
    assert_int_equal(io_bus_read(&bus, IO_BUS_FAST_PORTS - 1, 1), 2);
    assert_int_equal(io_bus_read(&bus, IO_BUS_FAST_PORTS, 1), 3);
    io_bus_release_bars(&bus);
    assert_int_equal(io_bus_read(&bus, IO_BUS_FAST_PORTS - 1, 1), 0xff);
    assert_int_equal(io_bus_read(&bus, IO_BUS_FAST_PORTS, 1), 0xff);
}

static void more_bars_than_there_is_room_for_are_left_out(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * IO_BUS_RANGES; i++) {
        claim_bars();
    }
    assert_int_equal(io_bus_read(&bus, 0x105, 1), 4);
    io_bus_release_bars(&bus);
    assert_int_equal(io_bus_read(&bus, 0x105, 1), 0xff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(ports_reach_their_device, set_up),
        cmocka_unit_test_setup(byte_devices_get_wide_accesses_in_bytes, set_up),
        cmocka_unit_test_setup(wide_devices_get_them_whole, set_up),
        cmocka_unit_test_setup(an_access_over_the_edge_is_split, set_up),
        cmocka_unit_test_setup(nobody_reads_ones_and_is_counted, set_up),
        cmocka_unit_test_setup(every_port_of_the_rest_is_nobody, set_up),
        cmocka_unit_test_setup(ports_wrap_at_64_kib, set_up),
        cmocka_unit_test_setup(the_highest_fast_port_works, set_up),
        cmocka_unit_test_setup(a_bar_has_what_nobody_has, set_up),
        cmocka_unit_test_setup(of_two_bars_the_first_answers, set_up),
        cmocka_unit_test_setup(released_ports_are_nobodys, set_up),
        cmocka_unit_test_setup(a_bar_can_end_behind_the_table, set_up),
        cmocka_unit_test_setup(more_bars_than_there_is_room_for_are_left_out, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
