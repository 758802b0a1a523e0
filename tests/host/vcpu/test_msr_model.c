// SPDX-License-Identifier: MIT
// Tests of the MSRs that a CPU's model has and no CPUID bit announces.
#include "vmm/vcpu/msr_model.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "arch/x86/msr_numbers.h"
#include "tests/host/fake_machine.h"
#include "tests/host/vcpu/msr_fixture.h"

#define MSRS_MAX 160

// What of `first` to `last` a guest can read.
static unsigned readable(uint32_t first, uint32_t last, uint32_t msrs[MSRS_MAX])
{
    unsigned count = 0;
    uint64_t value;
    for (uint32_t msr = first; msr <= last; msr++) {
        if (msr_reads(msr, &value)) {
            assert_in_range(count, 0, MSRS_MAX - 1);
            msrs[count++] = msr;
        }
    }
    return count;
}

// ---- AMD ----

// All that kernels touch there without asking.
static void amds_are_there(void **state)
{
    static const struct {
        uint32_t first;
        uint32_t last;
    } ranges[] = {{0xc0010000, 0xc0010007},
                  {0xc0010010, 0xc0010010},
                  {0xc0010015, 0xc001001a},
                  {0xc001001d, 0xc001001d},
                  {0xc001001f, 0xc0010020},
                  {0xc0010044, 0xc001004a},
                  {0xc0010055, 0xc0010055},
                  {0xc0010058, 0xc0010058},
                  {0xc0010061, 0xc001006b},
                  {0xc0010070, 0xc0010071},
                  {0xc0010111, 0xc0010114},
                  {0xc0010140, 0xc0010141},
                  {0xc0011020, 0xc0011023},
                  {0xc0011028, 0xc001102d},
                  {0x1db, 0x1de},
                  {0x2a, 0x2a},
                  {0x8b, 0x8b},
                  {0x400, 0x40f}};
    uint64_t value;
    (void)state;
    msr_make_amd(0x17);
    for (unsigned i = 0; i < ARRAY_SIZE(ranges); i++) {
        for (uint32_t msr = ranges[i].first; msr <= ranges[i].last; msr++) {
            assert_true(msr_reads(msr, &value));
            assert_true(msr_writes(msr, value));
            assert_true(msr_writes(msr, UINT64_MAX));
        }
    }
    assert_int_equal(fake_machine.vm->unknown_msr_accesses, 0);
}

static void there_is_nothing_to_control(void **state)
{
    (void)state;
    msr_make_amd(0x10);
    assert_true(msr_writes(0xc0010000, 0x530076)); // a performance event that counts
    assert_int_equal(msr_value(0xc0010000), 0);
    assert_true(msr_writes(0xc0010004, UINT64_MAX));
    assert_int_equal(msr_value(0xc0010004), 0);
    assert_int_equal(msr_value(0xc0010055), 0); // no C1E
    assert_true(msr_writes(0xc0010062, 2));     // P-state 2
    assert_int_equal(msr_value(0xc0010061), 0); // 0 is the only one
    assert_int_equal(msr_value(0xc0010063), 0);
    assert_int_equal(msr_value(0xc0010140), 0);     // OSVW
    assert_int_equal(msr_value(0xc0010058), 0);     // no configuration space in memory
    assert_int_equal(msr_value(AMD_VM_CR), 8 | 16); // SVM is off, and locked
}

// LFENCE waits, the TSC counts with P-state 0: a kernel that clears the bits finds them again.
static void some_bits_are_always_set_from_family_10h_on(void **state)
{
    (void)state;
    msr_make_amd(0x10);
    assert_int_equal(msr_value(AMD_HWCR), BIT(24));
    assert_int_equal(msr_value(AMD_DE_CFG), BIT(1));
    assert_true(msr_writes(AMD_HWCR, BIT(18)));
    assert_true(msr_writes(AMD_DE_CFG, BIT(9)));
    assert_int_equal(msr_value(AMD_HWCR), BIT(24) | BIT(18));
    assert_int_equal(msr_value(AMD_DE_CFG), BIT(9) | BIT(1));
    msr_make_amd(0xf);
    assert_int_equal(msr_value(AMD_HWCR), BIT(18));
    assert_int_equal(msr_value(AMD_DE_CFG), BIT(9));
}

static void ends_of_ram_are_told(void **state)
{
    struct guest_memory *memory = &fake_machine.vm->memory;
    (void)state;
    msr_make_amd(0x17);
    assert_int_equal(msr_value(0xc001001a), FAKE_VM_BYTES);
    assert_int_equal(msr_value(0xc001001d), 0);
    memory->extents[memory->extent_count++] =
        (struct guest_extent){.gpa = {GUEST_HIGH_RAM}, .bytes = 2 * GIB};
    assert_int_equal(msr_value(0xc001001a), FAKE_VM_BYTES);
    assert_int_equal(msr_value(0xc001001d), 6 * GIB);
    memory->extent_count--;
}

// The frequency of a P-state's definition, in Hz (PPR for family 17h).
static uint64_t frequency(uint64_t definition)
{
    return 200000000ULL * (definition & 0xff) / (definition >> 8 & 0x3f);
}

static void p_state_0_has_the_tscs_frequency(void **state)
{
    (void)state;
    msr_make_amd(0x17);
    for (uint64_t mhz = 425; mhz < 6300; mhz += 25) {
        fake_host.tsc_hz_more = mhz * 1000000 - fake_host.tsc_ghz * 1000000000;
        uint64_t definition = msr_value(0xc0010064);
        assert_true(definition & BIT(63));
        assert_in_range(definition >> 8 & 0x3f, 8, 0x1a);
        assert_in_range(definition & 0xff, 0x10, 0xff);
        assert_in_range(frequency(definition), mhz * 999950, mhz * 1000050);
    }
    assert_int_equal(msr_value(0xc0010065), 0); // it is the only one
}

// A frequency that it cannot give exactly is better measured.
static void p_state_0_is_undefined_rather_than_wrong(void **state)
{
    (void)state;
    msr_make_amd(0x19);
    for (uint64_t hz = 1000000; hz < 12000000000; hz = hz * 21 / 20) {
        fake_host.tsc_hz_more = hz - fake_host.tsc_ghz * 1000000000;
        uint64_t definition = msr_value(0xc0010064);
        if (definition != 0) {
            assert_in_range(frequency(definition), hz - hz / 19000, hz + hz / 19000);
        }
    }
    fake_host.tsc_hz_more = 0;
    assert_true(msr_value(0xc0010064) != 0);
    msr_make_amd(0x15); // other families write it otherwise
    assert_int_equal(msr_value(0xc0010064), 0);
}

// ---- Intel ----

static void intels_are_there(void **state)
{
    static const uint32_t msrs[] = {0x17,  0x2a,  0x34,  0x35,  0x8b,  0xc1,  0xc2,  0xcd,  0xce,
                                    0xe2,  0x11e, 0x186, 0x187, 0x198, 0x199, 0x19a, 0x19b, 0x19c,
                                    0x19d, 0x1a0, 0x1a2, 0x1a4, 0x1aa, 0x1ad, 0x1c9, 0x1d9, 0x1db,
                                    0x1dc, 0x1fc, 0x309, 0x38d, 0x38e, 0x38f, 0x390, 0x400, 0x606};
    uint64_t value;
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(msrs); i++) {
        assert_true(msr_reads(msrs[i], &value));
    }
    assert_true(msr_writes(0x79, 0x12345678)); // microcode is not loaded
    assert_int_equal(msr_value(0x8b), 0);
    assert_int_equal(msr_value(0x35), 1 << 16 | 1);
    assert_int_equal(msr_value(0x1a2) >> 16, 100);
}

static void ratio_is_that_of_the_tsc(void **state)
{
    (void)state;
    assert_int_equal(msr_value(0xce), 20ULL << 8 | 20ULL << 40); // 2 GHz
    assert_int_equal(msr_value(0x198) >> 8 & 0xff, 20);
    assert_int_equal(msr_value(0x1ad), 0x1414141414141414);
    fake_host.tsc_hz_more = 60000000;
    assert_int_equal(msr_value(0xce) >> 8 & 0xff, 21);
    fake_host.tsc_hz_more = 10000000 - fake_host.tsc_ghz * 1000000000;
    assert_int_equal(msr_value(0xce) >> 8 & 0xff, 1); // nobody divides by 0
    fake_host.tsc_hz_more = 40000000000;
    assert_int_equal(msr_value(0xce) >> 8 & 0xff, 0xff);
}

// ---- Both ----

static void each_maker_has_its_own(void **state)
{
    uint32_t msrs[MSRS_MAX];
    uint64_t value;
    (void)state;
    assert_int_equal(readable(0xc0010000, 0xc0011fff, msrs), 0);
    assert_true(msr_reads(0xce, &value));
    msr_make_amd(0x17);
    assert_false(msr_reads(0xce, &value));
    assert_false(msr_reads(0x1a4, &value));
    assert_false(msr_writes(0xc1, 0));
}

// Those that keep what is written have a place of their own each.
static void what_is_kept_does_not_mix(uint32_t first, uint32_t last)
{
    uint32_t msrs[MSRS_MAX];
    unsigned count = readable(first, last, msrs);
    unsigned kept = 0;
    for (unsigned i = 0; i < count; i++) {
        (void)msr_writes(msrs[i], 0x1234567800000000 | i << 4);
    }
    for (unsigned i = 0; i < count; i++) {
        uint64_t value = msr_value(msrs[i]);
        if (value >> 32 == 0x12345678) {
            assert_int_equal(value >> 4 & 0xff, i);
            kept++;
        }
    }
    assert_in_range(kept, 1, MSR_MODEL_KEPT);
}

static void values_are_kept(void **state)
{
    (void)state;
    what_is_kept_does_not_mix(0x2a, 0x2a);
    what_is_kept_does_not_mix(0x1a1, 0x1ff);
    msr_make_amd(0x17);
    what_is_kept_does_not_mix(0xc0010000, 0xc0011fff);
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, fake_machine_set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(amds_are_there),
        TEST(there_is_nothing_to_control),
        TEST(some_bits_are_always_set_from_family_10h_on),
        TEST(ends_of_ram_are_told),
        TEST(p_state_0_has_the_tscs_frequency),
        TEST(p_state_0_is_undefined_rather_than_wrong),
        TEST(intels_are_there),
        TEST(ratio_is_that_of_the_tsc),
        TEST(each_maker_has_its_own),
        TEST(values_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
