// SPDX-License-Identifier: MIT
// Tests of KVM's MSRs: which values they take, and when they are gone.
#include "vmm/vcpu/paravirt.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "arch/x86/kvm_interface.h"
#include "tests/host/fake_machine.h"
#include "tests/host/vcpu/msr_fixture.h"
#include "vmm/util/string.h"

#define PLACE 0x5000ULL
#define END FAKE_VM_BYTES

struct place {
    uint32_t msr;
    uint64_t bytes;
    uint64_t alignment;
    uint64_t enable;
    uint64_t reserved; // bits that must be clear, whether it is on or off
};

static const struct place places[] = {{MSR_KVM_WALL_CLOCK, 12, 4, 0, 0},
                                      {MSR_KVM_SYSTEM_TIME, 32, 4, MSR_KVM_ENABLE, 0},
                                      {MSR_KVM_STEAL_TIME, 64, 64, MSR_KVM_ENABLE, 0x3e}};

static uint8_t *memory_at(uint64_t address)
{
    return guest_memory_at(&fake_machine.vm->memory, gpa(address), 1);
}

static bool is_zero(uint64_t address, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes; i++) {
        if (*memory_at(address + i) != 0) {
            return false;
        }
    }
    return true;
}

static void each_keeps_a_place_in_ram(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
        uint64_t value = PLACE | places[i].enable;

        assert_int_equal(msr_value(places[i].msr), 0);
        assert_true(msr_writes(places[i].msr, value));
        assert_int_equal(msr_value(places[i].msr), value);
        assert_false(is_zero(PLACE, places[i].bytes));
        assert_true(is_zero(PLACE + places[i].bytes, 64));
        memset(memory_at(PLACE), 0, places[i].bytes);
    }
}

static void assert_refused(const struct place *place, uint64_t address)
{
    assert_false(msr_writes(place->msr, address | place->enable));
    assert_int_equal(msr_value(place->msr), 0);
}

// Whatever is refused changes nothing: neither the MSR nor memory.
static void other_places_are_refused(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
        const struct place *place = &places[i];
        uint64_t too_little = place->bytes > place->alignment ? place->alignment : 0;
        const uint64_t outside[] = {
            END,        END - too_little, GUEST_VGA_HOLE, GUEST_VGA_HOLE - too_little,
            0xfee00000, GUEST_HIGH_RAM,   BIT(46),        BIT(52),
            BIT(63),    UINT64_MAX - 63};

        for (unsigned j = 0; j < ARRAY_SIZE(outside); j++) {
            assert_refused(place, outside[j]);
        }
        for (uint64_t off = 1 + (place->enable ? 1 : 0); off < place->alignment; off++) {
            assert_refused(place, PLACE + off);
        }
        assert_true(is_zero(PLACE, 128));
        assert_true(msr_writes(place->msr, (END - place->bytes - 4) / 64 * 64 | place->enable));
    }
}

// Without the enable bit there is no structure.
static void switched_off_it_may_hold_anything(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
        if (places[i].enable) {
            assert_true(msr_writes(places[i].msr, PLACE));
            uint64_t value = UINT64_MAX - 1 - places[i].reserved;
            assert_true(msr_writes(places[i].msr, value));
            assert_int_equal(msr_value(places[i].msr), value);
            for (uint64_t bits = places[i].reserved; bits != 0; bits &= bits - 1) {
                assert_false(msr_writes(places[i].msr, value | (bits & -bits)));
            }
        }
    }
    assert_true(is_zero(PLACE, 64));
}

static void without_paravirt_there_is_nothing(void **state)
{
    uint64_t value;
    (void)state;
    fake_machine.vm->config.no_paravirt = true;
    for (uint32_t msr = 0x4b564d00; msr < 0x4b564d10; msr++) {
        assert_false(msr_reads(msr, &value));
        assert_false(msr_writes(msr, 0));
    }
}

// What CPUID does not announce is not there.
static void other_msrs_of_kvm_fault(void **state)
{
    static const uint32_t msrs[] = {0x11, 0x12, 0x4b564d02, 0x4b564d04, 0x4b564d05, 0x4b564d06};
    uint64_t value;
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(msrs); i++) {
        assert_false(msr_reads(msrs[i], &value));
        assert_false(msr_writes(msrs[i], 0));
    }
}

static void an_init_switches_all_off(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
        assert_true(msr_writes(places[i].msr, (PLACE + 0x100ULL * i) | places[i].enable));
    }
    paravirt_reset(fake_machine.vcpu);
    for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
        assert_int_equal(msr_value(places[i].msr), 0);
    }
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, fake_machine_set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_keeps_a_place_in_ram),         TEST(other_places_are_refused),
        TEST(switched_off_it_may_hold_anything), TEST(without_paravirt_there_is_nothing),
        TEST(other_msrs_of_kvm_fault),           TEST(an_init_switches_all_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
