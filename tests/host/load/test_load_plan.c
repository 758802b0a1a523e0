// SPDX-License-Identifier: MIT
// Tests of the plan of copies: pieces of a bounded size, zeros behind them, no room for more.
#include "vmm/load/load_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/host/load/load_fixture.h"
#include "vmm/load/load_page_tables.h"

static const uint8_t text[] = "0123456789";

static void an_empty_plan_is_done(void **state)
{
    (void)state;
    assert_true(load_plan_step(&plan, &memory, 1));
    assert_true(load_plan_add(&plan, &(struct load_copy){.address = 0x1000, .from = text}));
    assert_int_equal(plan.count, 0); // a copy of no bytes
}

static void a_copy_goes_in_pieces_and_ends_with_zeros(void **state)
{
    (void)state;
    const struct load_copy copy = {.address = 0x1000, .from = text, .file_bytes = 10, .bytes = 15};
    assert_true(load_plan_add(&plan, &copy));
    assert_false(load_plan_step(&plan, &memory, 4));
    assert_memory_equal(ram + 0x1000, "0123\xee", 5);
    assert_false(load_plan_step(&plan, &memory, 4));
    assert_false(load_plan_step(&plan, &memory, 4));
    assert_memory_equal(ram + 0x1000, "0123456789\xee", 11); // zeros are a piece of their own
    assert_false(load_plan_step(&plan, &memory, 4));
    assert_true(load_plan_step(&plan, &memory, 4));
    assert_memory_equal(ram + 0x1000, "0123456789\0\0\0\0\0\xee", 16);
    assert_true(load_plan_step(&plan, &memory, 4));
}

static void copies_follow_each_other(void **state)
{
    (void)state;
    assert_true(load_plan_add(&plan, &(struct load_copy){0x2000, text, 2, 2}));
    assert_true(load_plan_add(&plan, &(struct load_copy){0x1000, NULL, 0, 2}));
    assert_false(load_plan_step(&plan, &memory, UINT64_MAX));
    assert_true(load_plan_step(&plan, &memory, UINT64_MAX));
    assert_memory_equal(ram + 0x2000, "01\xee", 3);
    assert_memory_equal(ram + 0x1000, "\0\0\xee", 3);
}

static void a_full_plan_takes_no_more(void **state)
{
    (void)state;
    const struct load_copy copy = {.address = 0x1000, .from = text, .file_bytes = 1, .bytes = 1};
    for (unsigned i = 0; i < LOAD_PLAN_MAX; i++) {
        assert_true(load_plan_add(&plan, &copy));
    }
    assert_false(load_plan_add(&plan, &copy));
}

// A VM with much RAM has many of them.
static void page_tables_come_in_pieces(void **state)
{
    const uint64_t bytes = page_tables_bytes(4 * GIB);
    const uint64_t *pd = (uint64_t *)(void *)(ram + 0x4000 + 2 * PAGE_SIZE);
    unsigned steps = 1;
    (void)state;
    assert_true(load_plan_add(&plan, &(struct load_copy){0x1000, text, 1, 1}));
    plan.tables = (struct load_tables){.address = 0x4000, .map_end = 4 * GIB};
    while (!load_plan_step(&plan, &memory, 0x4000)) {
        assert_true(plan.tables.done == 0 || ram[0x4000 + 8 * plan.tables.done] == 0xee);
        steps++;
    }
    assert_int_equal(ram[0x1000], '0');
    assert_int_equal(steps, 1 + bytes / 8 / 256);
    assert_int_equal(ram[0x4000 + bytes], 0xee);
    for (uint64_t i = 0; i < 4 * GIB / PAGE_SIZE_2M; i++) {
        assert_int_equal(pd[i], i * PAGE_SIZE_2M | 0x83);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, load_set_up, ram_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_plan_is_done),      TEST(a_copy_goes_in_pieces_and_ends_with_zeros),
        TEST(copies_follow_each_other),   TEST(a_full_plan_takes_no_more),
        TEST(page_tables_come_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
