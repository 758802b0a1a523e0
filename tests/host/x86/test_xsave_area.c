// SPDX-License-Identifier: MIT
// Tests of the sizes of XSAVE areas, and of a CPU whose sizes contradict each other.
#include "arch/x86/cpuid.h"
#include "arch/x86/xsave_area.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "vmm/backend.h"

#define X87_SSE_AVX 7U
#define AVX512 (7U << 5)

// Skylake-X: AVX, AVX-512, PKRU, each with its offset in the standard format.
static struct cpuid_registers components[64] = {
    [1] = {.eax = 0xf},
    [2] = {.eax = 0x100, .ebx = 0x240},
    [5] = {.eax = 0x40, .ebx = 0x440},
    [6] = {.eax = 0x200, .ebx = 0x480},
    [7] = {.eax = 0x400, .ebx = 0x680},
    [9] = {.eax = 8, .ebx = 0xa80},
};

static struct cpuid_registers fake_read(uint32_t leaf, uint32_t subleaf)
{
    assert_int_equal(leaf, CPUID_XSAVE);
    assert_in_range(subleaf, 1, 62);
    return components[subleaf];
}

static enum status check_with_size(uint64_t xcr0, uint32_t own, struct reason *why)
{
    components[1].ebx = own;
    return xsave_area_check_compacted(xcr0, fake_read, why);
}

static void the_standard_area_ends_behind_its_last_component(void **state)
{
    (void)state;
    assert_int_equal(xsave_area_standard(0, fake_read), 576);
    assert_int_equal(xsave_area_standard(3, fake_read), 576);
    assert_int_equal(xsave_area_standard(X87_SSE_AVX, fake_read), 0x340);
    assert_int_equal(xsave_area_standard(X87_SSE_AVX | AVX512, fake_read), 0xa80);
    assert_int_equal(xsave_area_standard(X87_SSE_AVX | BIT(9), fake_read), 0xa88); // with a hole
}

static void a_compacted_area_has_no_holes(void **state)
{
    struct reason why;
    (void)state;
    assert_int_equal(check_with_size(3, 576, &why), STATUS_OK);
    assert_int_equal(check_with_size(X87_SSE_AVX, 0x340, &why), STATUS_OK);
    assert_int_equal(check_with_size(X87_SSE_AVX | AVX512, 0x980, &why), STATUS_OK);
    assert_int_equal(check_with_size(3 | BIT(9), 584, &why), STATUS_OK);
}

static void a_component_may_want_to_be_aligned(void **state)
{
    struct reason why;
    (void)state;
    components[2].eax = 0xf0;
    components[5].ecx = BIT(1);
    assert_int_equal(check_with_size(X87_SSE_AVX | BIT(5), 0x380, &why), STATUS_OK);
    components[2].eax = 0x100;
    components[5].ecx = 0;
}

// Bochs 2.7 reports the standard size. Its XSAVEC puts the AVX state into the legacy area.
static void sizes_that_contradict_each_other_are_named(void **state)
{
    struct reason why;
    (void)state;
    assert_int_equal(check_with_size(X87_SSE_AVX | AVX512, 0xa80, &why), STATUS_UNSUPPORTED);
    assert_string_equal(why.text,
                        "CPUID 0xd says 2688 bytes for its area, the components there make 2432");
    assert_int_equal(check_with_size(X87_SSE_AVX, 0x2a0, &why), STATUS_UNSUPPORTED);
}

static void a_cpu_without_it_is_told_apart(void **state)
{
    struct reason why;
    (void)state;
    components[1].eax = 1;
    assert_int_equal(check_with_size(3, 576, &why), STATUS_UNSUPPORTED);
    assert_string_equal(why.text, "this CPU has none");
    components[1].eax = 0xf;
}

static uint8_t area[0x1000];
static struct xsave_layout layout;

static void fill_area(void)
{
    for (size_t i = 0; i < sizeof(area); i++) {
        area[i] = (uint8_t)(i >> 4);
    }
    area[3] = 0; // TOP
    xsave_area_find(&layout, X87_SSE_AVX | AVX512, fake_read);
}

static void vector_registers_are_spread_over_components(void **state)
{
    struct vector value;
    (void)state;
    fill_area();
    xsave_area_get(area, &layout, X87_SSE_AVX | AVX512, 3, &value);
    assert_memory_equal(value.bytes, area + 160 + 48, 16);
    assert_memory_equal(value.bytes + 16, area + 0x240 + 48, 16);
    assert_memory_equal(value.bytes + 32, area + 0x480 + 96, 32);
    xsave_area_get(area, &layout, X87_SSE_AVX | AVX512, 31, &value);
    assert_memory_equal(value.bytes, area + 0x680 + 960, 64);
    xsave_area_get(area, &layout, X87_SSE_AVX | AVX512, VECTOR_MASK0 + 2, &value);
    assert_memory_equal(value.bytes, area + 0x440 + 16, 8);
    assert_int_equal(value.bytes[8], 0);
    xsave_area_get(area, &layout, XCR0_X87 | XCR0_SSE, 3, &value);
    assert_memory_equal(value.bytes, area + 160 + 48, 16);
    assert_int_equal(value.bytes[16], 0);
    xsave_area_get(area, &layout, XCR0_X87 | XCR0_SSE, 31, &value);
    assert_int_equal(value.bytes[0], 0);
}

static void components_that_are_missing_are_not_written(void **state)
{
    uint8_t before[sizeof(area)];
    struct vector value;
    (void)state;
    fill_area();
    memcpy(before, area, sizeof(area));
    memset(value.bytes, 0xaa, sizeof(value.bytes));
    xsave_area_set(area, &layout, X87_SSE_AVX, 17, &value);
    xsave_area_set(area, &layout, X87_SSE_AVX, VECTOR_MASK0 + 1, &value);
    assert_memory_equal(area, before, sizeof(area));
    xsave_area_set(area, &layout, X87_SSE_AVX, 5, &value);
    memset(before + 160 + 80, 0xaa, 16);
    memset(before + 0x240 + 80, 0xaa, 16);
    assert_memory_equal(area, before, sizeof(area));
}

// With TOP at 6, ST0 is the sixth register, so that MM0 is ST2.
static void mmx_counts_registers_from_the_first(void **state)
{
    struct vector value;
    (void)state;
    fill_area();
    area[3] = 6 << 3;
    xsave_area_get(area, &layout, X87_SSE_AVX, VECTOR_MM0, &value);
    assert_memory_equal(value.bytes, area + 32 + 32, 8);
    memset(value.bytes, 0xaa, sizeof(value.bytes));
    xsave_area_set(area, &layout, X87_SSE_AVX, VECTOR_MM0 + 1, &value);
    assert_int_equal(area[3], 0);
    assert_int_equal(area[4], 0xff);
    assert_int_equal(area[32], 4); // what was ST2
    assert_memory_equal(area + 32 + 16, value.bytes, 8);
    assert_int_equal(area[32 + 16 + 9], 0xff);
    assert_int_equal(area[32 + 6 * 16], 2); // what was ST0
}

static void the_x87_unit_is_reached_in_pieces(void **state)
{
    struct vector value;
    (void)state;
    fill_area();
    for (unsigned i = 0; i < 3; i++) {
        xsave_area_get(area, &layout, X87_SSE_AVX, VECTOR_X87 + i, &value);
        assert_memory_equal(value.bytes, area + 64 * (size_t)i, i == 2 ? 32 : 64);
        assert_int_equal(value.bytes[63], i == 2 ? 0 : area[64 * i + 63]);
    }
    memset(value.bytes, 0xaa, sizeof(value.bytes));
    xsave_area_set(area, &layout, X87_SSE_AVX, VECTOR_X87 + 2, &value);
    assert_int_equal(area[159], 0xaa);
    assert_int_equal(area[160], 10); // XMM0
}

// Loading an MXCSR with other bits than the CPU's mask has faults.
static void mxcsr_has_only_bits_of_the_cpu(void **state)
{
    static const uint32_t masks[] = {0, 0x2ffff};
    struct vector value;
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(masks); i++) {
        uint32_t found;
        fill_area();
        memcpy(area + 28, &masks[i], sizeof(masks[i]));
        memset(value.bytes, 0xff, sizeof(value.bytes));
        xsave_area_set(area, &layout, X87_SSE_AVX, VECTOR_X87, &value);
        memcpy(&found, area + 24, sizeof(found));
        assert_int_equal(found, masks[i] ? masks[i] : 0xffbf);
        memcpy(&found, area + 28, sizeof(found));
        assert_int_equal(found, masks[i]);
        assert_int_equal(area[0], 0xff);
        assert_int_equal(area[63], 0xff);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_x87_unit_is_reached_in_pieces),
        cmocka_unit_test(mxcsr_has_only_bits_of_the_cpu),
        cmocka_unit_test(vector_registers_are_spread_over_components),
        cmocka_unit_test(components_that_are_missing_are_not_written),
        cmocka_unit_test(mmx_counts_registers_from_the_first),
        cmocka_unit_test(the_standard_area_ends_behind_its_last_component),
        cmocka_unit_test(a_compacted_area_has_no_holes),
        cmocka_unit_test(a_component_may_want_to_be_aligned),
        cmocka_unit_test(sizes_that_contradict_each_other_are_named),
        cmocka_unit_test(a_cpu_without_it_is_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
