// SPDX-License-Identifier: MIT
// Tests of the plan of copies: pieces of a bounded size, zeros behind them, no room for more.
#include "vmm/load/load_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/host/load/load_fixture.h"

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, load_set_up, load_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_plan_is_done),
        TEST(a_copy_goes_in_pieces_and_ends_with_zeros),
        TEST(copies_follow_each_other),
        TEST(a_full_plan_takes_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
