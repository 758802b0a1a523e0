// SPDX-License-Identifier: MIT
// Tests of the memory bus: which device answers where.
#include "vmm/board/memory_bus.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct memory_bus bus;
static struct memory_range fixed = {.base = 0xfec00000, .bytes = 0x1000};
static struct memory_range first = {.base = 0xfebff000, .bytes = 0x2000};
static struct memory_range second = {.base = 0xfec00000, .bytes = 0x2000};
static struct memory_range highest = {.base = 0xfffffffffffff000, .bytes = 0x1000};

static int set_up(void **state)
{
    (void)state;
    memory_bus_init(&bus);
    memory_bus_claim(&bus, &fixed);
    return 0;
}

static void ranges_are_found_up_to_their_ends(void **state)
{
    (void)state;
    memory_bus_claim_bar(&bus, &highest);
    assert_null(memory_bus_find(&bus, 0));
    assert_null(memory_bus_find(&bus, 0xfebfffff));
    assert_ptr_equal(memory_bus_find(&bus, 0xfec00000), &fixed);
    assert_ptr_equal(memory_bus_find(&bus, 0xfec00fff), &fixed);
    assert_null(memory_bus_find(&bus, 0xfec01000));
    assert_null(memory_bus_find(&bus, 0xffffffffffffefff));
    assert_ptr_equal(memory_bus_find(&bus, UINT64_MAX), &highest);
}

static void the_first_of_those_that_overlap_answers(void **state)
{
    (void)state;
    memory_bus_claim_bar(&bus, &first);
    memory_bus_claim_bar(&bus, &second);
    assert_ptr_equal(memory_bus_find(&bus, 0xfebfffff), &first);
    assert_ptr_equal(memory_bus_find(&bus, 0xfec00000), &fixed);
    assert_ptr_equal(memory_bus_find(&bus, 0xfec01000), &second);
}

static void what_comes_goes_again(void **state)
{
    (void)state;
    memory_bus_claim_bar(&bus, &first);
    memory_bus_release_bars(&bus);
    assert_null(memory_bus_find(&bus, 0xfebfffff));
    assert_ptr_equal(memory_bus_find(&bus, 0xfec00000), &fixed);
    memory_bus_claim_bar(&bus, &second);
    assert_ptr_equal(memory_bus_find(&bus, 0xfec01000), &second);
}

static void there_is_room_for_so_many(void **state)
{
    (void)state;
    for (unsigned i = 1; i < MEMORY_BUS_RANGES; i++) {
        memory_bus_claim_bar(&bus, &first);
    }
    memory_bus_claim_bar(&bus, &highest);
    assert_null(memory_bus_find(&bus, UINT64_MAX));
    memory_bus_release_bars(&bus);
    memory_bus_claim_bar(&bus, &highest);
    assert_non_null(memory_bus_find(&bus, UINT64_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(ranges_are_found_up_to_their_ends, set_up),
        cmocka_unit_test_setup(the_first_of_those_that_overlap_answers, set_up),
        cmocka_unit_test_setup(what_comes_goes_again, set_up),
        cmocka_unit_test_setup(there_is_room_for_so_many, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
