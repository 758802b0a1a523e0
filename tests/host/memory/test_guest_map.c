// SPDX-License-Identifier: MIT
// Tests of the memory map that guests are told: what is RAM, what is the PC's own, what is neither.
#include "vmm/memory/guest_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "vmm/memory/guest_memory.h"
#include "vmm/util/types.h"

static struct guest_memory memory;
static struct guest_map map;

static void make_map(uint64_t bytes)
{
    memory.extent_count = guest_memory_layout(bytes, memory.extents);
    guest_memory_map(&memory, &map);
}

static void assert_range(unsigned index, uint64_t base, uint64_t end, enum guest_range_type type)
{
    assert_true(index < map.count);
    assert_int_equal(map.ranges[index].base, base);
    assert_int_equal(map.ranges[index].bytes, end - base);
    assert_int_equal(map.ranges[index].type, type);
}

static void assert_first_megabyte(void)
{
    assert_range(0, 0, 0x9fc00, GUEST_RANGE_RAM);
    assert_range(1, 0x9fc00, 0xa0000, GUEST_RANGE_RESERVED);
    assert_range(2, 0xe0000, 0x100000, GUEST_RANGE_RESERVED);
}

static void assert_pci(unsigned index)
{
    assert_range(index, 0xfeb00000, 0xfec00000, GUEST_RANGE_RESERVED);
}

static void test_one_megabyte(void **state)
{
    (void)state;
    make_map(MIB);
    assert_int_equal(map.count, 4);
    assert_first_megabyte();
    assert_pci(3);
}

static void test_below_the_device_hole(void **state)
{
    (void)state;
    make_map(32 * MIB);
    assert_int_equal(map.count, 5);
    assert_first_megabyte();
    assert_range(3, MIB, 32 * MIB, GUEST_RANGE_RAM);
    assert_pci(4);
    make_map(3 * GIB);
    assert_int_equal(map.count, 5);
    assert_range(3, MIB, 3 * GIB, GUEST_RANGE_RAM);
    assert_pci(4);
}

static void test_above_4_gib(void **state)
{
    (void)state;
    make_map(5 * GIB);
    assert_int_equal(map.count, 6);
    assert_first_megabyte();
    assert_range(3, MIB, 3 * GIB, GUEST_RANGE_RAM);
    assert_pci(4);
    assert_range(5, 4 * GIB, 6 * GIB, GUEST_RANGE_RAM);
}

// Each range that the map calls RAM is RAM.
static void test_ram_is_ram(void **state)
{
    (void)state;
    make_map(5 * GIB);
    for (unsigned i = 0; i < map.count; i++) {
        if (map.ranges[i].type == GUEST_RANGE_RAM) {
            assert_true(guest_ram_end(&memory, map.ranges[i].base) >=
                        map.ranges[i].base + map.ranges[i].bytes);
        }
    }
}

static void test_ram_end(void **state)
{
    (void)state;
    make_map(5 * GIB);
    assert_int_equal(guest_ram_end(&memory, 0), 0xa0000);
    assert_int_equal(guest_ram_end(&memory, 0x9ffff), 0xa0000);
    assert_int_equal(guest_ram_end(&memory, 0xa0000), 0xa0000); // there is no RAM here
    assert_int_equal(guest_ram_end(&memory, MIB), 3 * GIB);
    assert_int_equal(guest_ram_end(&memory, 4 * GIB), 6 * GIB);
    assert_int_equal(guest_ram_end(&memory, 7 * GIB), 7 * GIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_megabyte), cmocka_unit_test(test_below_the_device_hole),
        cmocka_unit_test(test_above_4_gib),  cmocka_unit_test(test_ram_is_ram),
        cmocka_unit_test(test_ram_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
