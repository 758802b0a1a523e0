// SPDX-License-Identifier: MIT
// Tests of the MSR and I/O bitmaps: which accesses exit.
#include "arch/vmx/vmx_bitmaps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "arch/vmx/vmx.h"
#include "arch/x86/frames.h"
#include "arch/x86/msr_numbers.h"

static struct nested_space space;
static unsigned frames_left;

void *frames_allocate(uint64_t pages)
{
    if (frames_left < pages) {
        return NULL;
    }
    frames_left -= (unsigned)pages;
    return calloc(pages, PAGE_SIZE);
}

void frames_release(void *memory, uint64_t pages)
{
    (void)pages;
    free(memory);
}

static bool bit_of(const uint8_t *bitmap, uint32_t bit)
{
    return bitmap[bit / 8] >> bit % 8 & 1;
}

// Offsets of the four parts in a bitmap (SDM Vol. 3C 25.6.9).
enum part { READ_LOW = 0, READ_HIGH = 1024, WRITE_LOW = 2048, WRITE_HIGH = 3072 };

static int set_up(void **state)
{
    (void)state;
    space = (struct nested_space){0};
    frames_left = 4;
    return vmx_bitmaps_create(&space, true) == STATUS_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    vmx_bitmaps_destroy(&space);
    return 0;
}

static void test_all_exits_at_first(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PAGE_SIZE; i++) {
        assert_int_equal(space.msr_bitmap[i], 0xff);
        assert_int_equal(space.io_bitmaps[i], 0xff);
        assert_int_equal(space.io_bitmaps[PAGE_SIZE + i], 0xff);
    }
}

static void test_reads_and_writes_of_an_msr_are_apart(void **state)
{
    (void)state;
    vmx_intercept_msr(&space, IA32_SYSENTER_EIP, false, true);
    assert_false(bit_of(space.msr_bitmap + READ_LOW, IA32_SYSENTER_EIP));
    assert_true(bit_of(space.msr_bitmap + WRITE_LOW, IA32_SYSENTER_EIP));
    assert_true(bit_of(space.msr_bitmap + READ_HIGH, IA32_SYSENTER_EIP));
    vmx_intercept_msr(&space, IA32_LSTAR, true, false);
    assert_true(bit_of(space.msr_bitmap + READ_HIGH, IA32_LSTAR & 0x1fff));
    assert_false(bit_of(space.msr_bitmap + WRITE_HIGH, IA32_LSTAR & 0x1fff));
    vmx_intercept_msr(&space, IA32_SYSENTER_EIP, true, true);
    assert_true(bit_of(space.msr_bitmap + READ_LOW, IA32_SYSENTER_EIP));
}

static void test_vcpus_with_an_x2apic_have_the_same_msrs(void **state)
{
    (void)state;
    vmx_intercept_msr(&space, IA32_LSTAR, false, false);
    assert_false(bit_of(space.x2apic_msr_bitmap + READ_HIGH, IA32_LSTAR & 0x1fff));
    assert_false(bit_of(space.x2apic_msr_bitmap + WRITE_HIGH, IA32_LSTAR & 0x1fff));
}

static void test_msrs_outside_of_the_bitmap_change_nothing(void **state)
{
    (void)state;
    vmx_intercept_msr(&space, 0x2000, false, false);
    vmx_intercept_msr(&space, 0xc0002000, false, false);
    vmx_intercept_msr(&space, 0x40000000, false, false);
    test_all_exits_at_first(NULL);
}

// The TPR is the guest's in both directions; the end of an interrupt is written only; ICR exits.
static void test_an_x2apic_is_open_where_the_cpu_serves_it(void **state)
{
    const uint32_t tpr = IA32_X2APIC_FIRST + 0x08, eoi = IA32_X2APIC_FIRST + 0x0b;
    const uint32_t icr = IA32_X2APIC_FIRST + 0x30;
    (void)state;
    assert_false(bit_of(space.x2apic_msr_bitmap + READ_LOW, tpr));
    assert_false(bit_of(space.x2apic_msr_bitmap + WRITE_LOW, tpr));
    assert_true(bit_of(space.x2apic_msr_bitmap + READ_LOW, eoi));
    assert_false(bit_of(space.x2apic_msr_bitmap + WRITE_LOW, eoi));
    assert_true(bit_of(space.x2apic_msr_bitmap + READ_LOW, icr));
    assert_true(bit_of(space.x2apic_msr_bitmap + WRITE_LOW, icr));
    assert_true(bit_of(space.msr_bitmap + WRITE_LOW, eoi));
}

static void test_too_little_memory_leaves_nothing_behind(void **state)
{
    (void)state;
    for (unsigned frames = 0; frames < 4; frames++) {
        struct nested_space poor = {0};
        frames_left = frames;
        assert_int_equal(vmx_bitmaps_create(&poor, true), STATUS_NO_MEMORY);
        vmx_bitmaps_destroy(&poor);
    }
    struct nested_space plain = {0};
    frames_left = 3;
    assert_int_equal(vmx_bitmaps_create(&plain, false), STATUS_OK);
    assert_null(plain.x2apic_msr_bitmap);
    vmx_intercept_msr(&plain, IA32_LSTAR, false, false);
    vmx_bitmaps_destroy(&plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_exits_at_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reads_and_writes_of_an_msr_are_apart, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_vcpus_with_an_x2apic_have_the_same_msrs, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_msrs_outside_of_the_bitmap_change_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_an_x2apic_is_open_where_the_cpu_serves_it, set_up,
                                        tear_down),
        cmocka_unit_test(test_too_little_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
