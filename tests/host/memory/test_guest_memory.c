// SPDX-License-Identifier: MIT
// Tests of guest memory: which addresses are RAM, and where a VM's RAM lies.
#include "vmm/memory/guest_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static uint8_t byte; // stands for gpa 0; the tests touch no byte behind it

static struct guest_memory memory_of(uint64_t bytes)
{
    struct guest_memory memory = {.base = &byte};
    memory.extent_count = guest_memory_layout(bytes, memory.extents);
    return memory;
}

static bool is_ram(const struct guest_memory *memory, uint64_t address, uint64_t length)
{
    void *at = guest_memory_at(memory, gpa(address), length);
    if (at) {
        assert_ptr_equal(at, (void *)((uintptr_t)&byte + address));
    }
    return at;
}

static void test_layout_of_a_small_vm(void **state)
{
    struct guest_memory memory = memory_of(32 * MIB);
    (void)state;
    assert_int_equal(memory.extent_count, 2);
    assert_int_equal(memory.extents[0].gpa.value, 0);
    assert_int_equal(memory.extents[0].bytes, 0xa0000);
    assert_int_equal(memory.extents[1].gpa.value, 0xb8000);
    assert_int_equal(memory.extents[1].bytes, 32 * MIB - 0xb8000);
    assert_int_equal(guest_memory_size(&memory), 32 * MIB - 0x20000);
}

static void test_layout_around_the_device_hole(void **state)
{
    struct guest_memory memory = memory_of(3 * GIB);
    (void)state;
    assert_int_equal(memory.extent_count, 2);
    memory = memory_of(3 * GIB + 4096);
    assert_int_equal(memory.extent_count, 3);
    assert_int_equal(memory.extents[1].gpa.value + memory.extents[1].bytes, 3 * GIB);
    assert_int_equal(memory.extents[2].gpa.value, 4 * GIB);
    assert_int_equal(memory.extents[2].bytes, 4096);
}

static void test_layout_of_odd_sizes(void **state)
{
    struct guest_memory memory = memory_of(0);
    (void)state;
    assert_int_equal(memory.extent_count, 0);
    assert_int_equal(guest_memory_size(&memory), 0);
    memory = memory_of(4095);
    assert_int_equal(memory.extent_count, 0);
    memory = memory_of(0xa0000 + 4096); // ends inside the VGA hole
    assert_int_equal(memory.extent_count, 1);
    assert_int_equal(memory.extents[0].bytes, 0xa0000);
    memory = memory_of(0xc0000);
    assert_int_equal(memory.extent_count, 1);
    assert_int_equal(guest_memory_size(&memory), 0xa0000);
    memory = memory_of(0x10fff);
    assert_int_equal(memory.extents[0].bytes, 0x10000);
    memory = memory_of(UINT64_MAX);
    assert_int_equal(memory.extents[2].bytes, GUEST_MEMORY_MAX - 3 * GIB);
}

static void test_ram_and_its_ends(void **state)
{
    struct guest_memory memory = memory_of(4 * GIB);
    (void)state;
    assert_true(is_ram(&memory, 0, 0xa0000));
    assert_false(is_ram(&memory, 0, 0xa0001));
    assert_false(is_ram(&memory, 0xa0000, 1));
    assert_false(is_ram(&memory, 0xb7fff, 1));
    assert_true(is_ram(&memory, 0xb8000, 0x8000));   // the adapter's text
    assert_false(is_ram(&memory, 0x9ffff, 0x30000)); // ends in RAM, but crosses the hole
    assert_true(is_ram(&memory, 0xc0000, 1));
    assert_true(is_ram(&memory, 3 * GIB - 1, 1));
    assert_false(is_ram(&memory, 3 * GIB - 1, 2));
    assert_false(is_ram(&memory, 0xfee00000, 4));
    assert_true(is_ram(&memory, 4 * GIB, GIB));
    assert_false(is_ram(&memory, 4 * GIB, GIB + 1));
    assert_false(is_ram(&memory, 5 * GIB, 1));
    assert_true(is_ram(&memory, 0x1000, 0));
    assert_false(is_ram(&memory, 0xa0000, 0));
}

static void test_sums_that_overflow(void **state)
{
    struct guest_memory memory = memory_of(4 * GIB);
    (void)state;
    assert_false(is_ram(&memory, UINT64_MAX, 1));
    assert_false(is_ram(&memory, UINT64_MAX, UINT64_MAX));
    assert_false(is_ram(&memory, 0x1000, UINT64_MAX));
    assert_false(is_ram(&memory, 0x1000, UINT64_MAX - 0xfff));
    assert_false(is_ram(&memory, 4 * GIB + 8, UINT64_MAX - 4 * GIB));
    assert_false(is_ram(&memory, 0ULL - 4096, 8192));
}

static void test_a_page_is_cut_out(void **state)
{
    static const uint64_t pages[] = {0, 0x9f000, 0xb8000, 0x100000, 3 * GIB - PAGE_SIZE, 4 * GIB};
    struct guest_memory whole = memory_of(4 * GIB);
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(pages); i++) {
        struct guest_memory cut;
        guest_memory_without(&whole, gpa(pages[i]), &cut);
        assert_false(is_ram(&cut, pages[i], 1));
        assert_false(is_ram(&cut, pages[i] + PAGE_SIZE - 1, 1));
        for (unsigned j = 0; j < ARRAY_SIZE(pages); j++) {
            assert_int_equal(is_ram(&cut, pages[j], PAGE_SIZE), i != j);
        }
        assert_int_equal(is_ram(&cut, pages[i] + PAGE_SIZE, 1),
                         is_ram(&whole, pages[i] + PAGE_SIZE, 1));
        assert_int_equal(is_ram(&cut, pages[i] - 1, 1), is_ram(&whole, pages[i] - 1, 1));
    }
}

static void test_a_page_outside_ram_cuts_nothing_out(void **state)
{
    struct guest_memory whole = memory_of(4 * GIB);
    struct guest_memory same;
    (void)state;
    guest_memory_without(&whole, gpa(0xa0000), &same);
    assert_int_equal(same.extent_count, whole.extent_count);
    assert_memory_equal(same.extents, whole.extents, whole.extent_count * sizeof(*whole.extents));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout_of_a_small_vm),
        cmocka_unit_test(test_layout_around_the_device_hole),
        cmocka_unit_test(test_layout_of_odd_sizes),
        cmocka_unit_test(test_ram_and_its_ends),
        cmocka_unit_test(test_sums_that_overflow),
        cmocka_unit_test(test_a_page_is_cut_out),
        cmocka_unit_test(test_a_page_outside_ram_cuts_nothing_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
