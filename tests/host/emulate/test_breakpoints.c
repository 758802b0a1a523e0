// SPDX-License-Identifier: MIT
// Tests of the comparison with the debug registers (SDM Vol. 3B 18.2.4, 18.2.5).
#include "vmm/emulate/breakpoints.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum kind { KIND_EXECUTE, KIND_WRITE, KIND_PORT, KIND_ACCESS };
enum length { LENGTH_1, LENGTH_2, LENGTH_8, LENGTH_4 };

static struct breakpoints breakpoints;

static int set_up(void **state)
{
    (void)state;
    breakpoints = (struct breakpoints){.debugging_extensions = true};
    return 0;
}

static void place(unsigned index, enum kind kind, enum length length, uint64_t address)
{
    breakpoints.address[index] = address;
    breakpoints.dr7 |= 1ULL << (2 * index) | (uint64_t)kind << (16 + 4 * index) |
                       (uint64_t)length << (18 + 4 * index);
}

static uint64_t met(enum breakpoint_access access, uint64_t address, unsigned width)
{
    return breakpoints_met(&breakpoints, access, address, width);
}

static void the_kind_decides(void **state)
{
    (void)state;
    place(0, KIND_EXECUTE, LENGTH_1, 0x80);
    place(1, KIND_WRITE, LENGTH_1, 0x80);
    place(2, KIND_PORT, LENGTH_1, 0x80);
    place(3, KIND_ACCESS, LENGTH_1, 0x80);
    assert_int_equal(met(BREAKPOINT_READ, 0x80, 1), 8);
    assert_int_equal(met(BREAKPOINT_WRITE, 0x80, 1), 8 | 2);
    assert_int_equal(met(BREAKPOINT_PORT, 0x80, 1), 4);
    breakpoints.debugging_extensions = false;
    assert_int_equal(met(BREAKPOINT_PORT, 0x80, 1), 0);
}

static void either_bit_switches_it_on(void **state)
{
    (void)state;
    place(2, KIND_ACCESS, LENGTH_1, 0x80);
    assert_int_equal(met(BREAKPOINT_READ, 0x80, 1), 4);
    breakpoints.dr7 ^= 3 << 4; // the global one
    assert_int_equal(met(BREAKPOINT_READ, 0x80, 1), 4);
    breakpoints.dr7 ^= 2 << 4;
    assert_int_equal(met(BREAKPOINT_READ, 0x80, 1), 0);
}

static void one_common_byte_is_enough(void **state)
{
    static const struct {
        enum length length;
        unsigned bytes;
    } lengths[] = {{LENGTH_1, 1}, {LENGTH_2, 2}, {LENGTH_4, 4}, {LENGTH_8, 8}};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
        unsigned bytes = lengths[i].bytes;
        breakpoints = (struct breakpoints){0};
        place(0, KIND_WRITE, lengths[i].length, 0x1000 + bytes - 1); // the low bits do not count
        for (unsigned width = 1; width <= 64; width *= 2) {
            assert_int_equal(met(BREAKPOINT_WRITE, 0x1000 - width, width), 0);
            assert_int_equal(met(BREAKPOINT_WRITE, 0x1001 - width, width), 1);
            assert_int_equal(met(BREAKPOINT_WRITE, 0x1000 + bytes - 1, width), 1);
            assert_int_equal(met(BREAKPOINT_WRITE, 0x1000 + bytes, width), 0);
        }
    }
}

static void addresses_wrap(void **state)
{
    (void)state;
    place(0, KIND_WRITE, LENGTH_4, UINT64_MAX);
    assert_int_equal(met(BREAKPOINT_WRITE, UINT64_MAX - 3, 1), 1);
    assert_int_equal(met(BREAKPOINT_WRITE, 0, 8), 0);
    assert_int_equal(met(BREAKPOINT_WRITE, UINT64_MAX - 6, 4), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_kind_decides, set_up),
        cmocka_unit_test_setup(either_bit_switches_it_on, set_up),
        cmocka_unit_test_setup(one_common_byte_is_enough, set_up),
        cmocka_unit_test_setup(addresses_wrap, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
