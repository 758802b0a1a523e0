// SPDX-License-Identifier: MIT
// Tests of the memory in the form that arch/x86 takes.
#include "boot/boot_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct boot_info info;
static struct boot_memory memory;

static void assert_span(const struct memory_span *span, uint64_t start, uint64_t bytes)
{
    assert_int_equal(span->start, start);
    assert_int_equal(span->bytes, bytes);
}

static void test_usable_memory_is_told(void **state)
{
    (void)state;
    info = (struct boot_info){.memory = {.count = 2}};
    info.memory.spans[0] = (struct memory_span){.start = 0, .bytes = 0x9f000};
    info.memory.spans[1] = (struct memory_span){.start = MIB, .bytes = 63 * MIB};
    boot_memory_fill(&memory, &info);
    assert_int_equal(memory.at_boot.usable_count, 2);
    assert_span(&memory.at_boot.usable[0], 0, 0x9f000);
    assert_span(&memory.later.usable[1], MIB, 63 * MIB);
}

static void test_the_symbol_table_is_occupied_only_at_boot(void **state)
{
    (void)state;
    info = (struct boot_info){.module_count = 1,
                              .symbols = {.start = 2 * MIB, .bytes = 0x6000},
                              .symbol_names = {.start = 3 * MIB, .bytes = 0x2000}};
    info.modules[0].start = 4 * MIB;
    info.modules[0].bytes = 0x1234;
    boot_memory_fill(&memory, &info);
    assert_int_equal(memory.at_boot.occupied_count, 3);
    assert_span(&memory.at_boot.occupied[0], 4 * MIB, 0x1234);
    assert_span(&memory.at_boot.occupied[1], 2 * MIB, 0x6000);
    assert_span(&memory.at_boot.occupied[2], 3 * MIB, 0x2000);
    assert_int_equal(memory.later.occupied_count, 1);
    assert_span(&memory.later.occupied[0], 4 * MIB, 0x1234);
}

static void test_as_much_as_there_can_be(void **state)
{
    (void)state;
    info = (struct boot_info){.module_count = BOOT_MODULES_MAX};
    info.memory.count = MEMORY_SPANS_MAX;
    boot_memory_fill(&memory, &info);
    assert_int_equal(memory.at_boot.usable_count, MEMORY_SPANS_MAX);
    assert_int_equal(memory.at_boot.occupied_count, BOOT_MODULES_MAX + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usable_memory_is_told),
        cmocka_unit_test(test_the_symbol_table_is_occupied_only_at_boot),
        cmocka_unit_test(test_as_much_as_there_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
