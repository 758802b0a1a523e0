// SPDX-License-Identifier: MIT
// Tests of memory types: the PAT, and the MTRRs with their fixed and variable ranges.
#include "vmm/debug/memory_type.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "vmm/address.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/msr.h"

#define UC 0
#define WC 1
#define WT 4
#define WP 5
#define WB 6
#define ENABLE BIT(11)
#define FIXED BIT(10)
#define VALID BIT(11)

static struct msr_state msrs;

static int set_up(void **state)
{
    (void)state;
    msrs = (struct msr_state){.mtrr_def_type = ENABLE | WB};
    return 0;
}

static void assert_type(uint64_t address, unsigned type)
{
    assert_int_equal(memory_type_of_mtrrs(&msrs, gpa(address)), type);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(memory_type_name(WB), "WB");
    assert_string_equal(memory_type_name(7), "UC-");
    assert_string_equal(memory_type_name(2), "reserved");
    assert_string_equal(memory_type_name(8), "reserved");
    assert_string_equal(memory_type_name(MEMORY_TYPE_MIXED), "undefined");
}

static void test_pat(void **state)
{
    (void)state;
    assert_int_equal(memory_type_of_pat(0x0007040600070406, 0), WB);
    assert_int_equal(memory_type_of_pat(0x0007040600070406, 1), WT);
    assert_int_equal(memory_type_of_pat(0x0107040600070406, 7), WC);
}

static void test_default(void **state)
{
    (void)state;
    assert_type(0x1000, WB);
    msrs.mtrr_def_type = WB; // the MTRRs are off
    assert_type(0x1000, UC);
}

static void test_fixed_ranges(void **state)
{
    (void)state;
    msrs.mtrr_fixed[0] = 0x0504010600060000; // 64 KiB each
    msrs.mtrr_fixed[1] = 0x0400000000000001; // 16 KiB from 80000H
    msrs.mtrr_fixed[2] = 5;                  // from A0000H
    msrs.mtrr_fixed[3] = 1;                  // 4 KiB from C0000H
    msrs.mtrr_fixed[10] = 4ULL << 56;        // from F8000H
    assert_type(0x20000, WB);                // they are off
    msrs.mtrr_def_type |= FIXED;
    assert_type(0x1ffff, UC);
    assert_type(0x20000, WB);
    assert_type(0x7ffff, WP);
    assert_type(0x80000, WC);
    assert_type(0x9ffff, WT);
    assert_type(0xa3fff, WP);
    assert_type(0xa4000, UC);
    assert_type(0xc0fff, WC);
    assert_type(0xfffff, WT);
    assert_type(0x100000, WB);
}

static void set_range(unsigned index, uint64_t base, uint64_t bytes, unsigned type)
{
    msrs.mtrr_variable[(size_t)index * 2] = base | type;
    msrs.mtrr_variable[(size_t)index * 2 + 1] = (~(bytes - 1) & 0xfffffff000) | VALID;
}

static void test_variable_ranges(void **state)
{
    (void)state;
    set_range(0, 0xc0000000, GIB, UC);
    set_range(7, 0xe0000000, 256 * MIB, WC);
    assert_type(0xbfffffff, WB);
    assert_type(0xc0000000, UC);
    assert_type(0xe0000000, UC); // of two, UC wins
    set_range(0, 0xc0000000, GIB, WT);
    assert_type(0xe0000000, MEMORY_TYPE_MIXED);
    set_range(7, 0xe0000000, 256 * MIB, WB);
    assert_type(0xe0000000, WT);
    msrs.mtrr_variable[1] &= ~(uint64_t)VALID;
    assert_type(0xc0000000, WB);
}

static void test_what_the_cpu_uses(void **state)
{
    (void)state;
    assert_int_equal(memory_type_in_guest(WT, false), WT);
    assert_int_equal(memory_type_in_guest(7, false), UC);
    assert_int_equal(memory_type_in_guest(UC, true), WB);
}

#define TEST(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_names),           TEST(test_pat),
        TEST(test_default),         TEST(test_fixed_ranges),
        TEST(test_variable_ranges), TEST(test_what_the_cpu_uses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
