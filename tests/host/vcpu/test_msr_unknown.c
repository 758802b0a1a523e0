// SPDX-License-Identifier: MIT
// Tests of accesses to MSRs that a guest does not have.
#include "vmm/vcpu/msr_unknown.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "arch/x86/msr_numbers.h"
#include "tests/host/fake_machine.h"
#include "tests/host/vcpu/msr_fixture.h"

#define UNKNOWN 0x12345U

static void an_unknown_one_faults(void **state)
{
    uint64_t value;
    (void)state;
    assert_false(msr_reads(UNKNOWN, &value));
    assert_false(msr_writes(UNKNOWN, 1));
    assert_int_equal(fake_machine.vm->unknown_msr_accesses, 2);
    assert_int_equal(fake_machine.vm->last_unknown_msr, UNKNOWN);
    assert_int_equal(fake_host_logged("unknown MSR"), 0);
}

static void ignored_it_reads_0_and_takes_anything(void **state)
{
    (void)state;
    fake_machine.vm->config.ignore_msrs = true;
    assert_true(msr_writes(UNKNOWN, UINT64_MAX));
    assert_int_equal(msr_value(UNKNOWN), 0);
    assert_int_equal(fake_machine.vm->unknown_msr_accesses, 2);
    assert_int_equal(fake_machine.vm->last_unknown_msr, UNKNOWN);
}

static void each_is_logged_once(void **state)
{
    (void)state;
    fake_machine.vm->config.ignore_msrs = true;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(msr_value(UNKNOWN), 0);
        assert_int_equal(msr_value(UNKNOWN + 1), 0);
        assert_true(msr_writes(2, 0));
    }
    assert_int_equal(fake_host_logged("[web] unknown MSR 0x12345: it reads 0"), 1);
    assert_int_equal(fake_host_logged("[web] unknown MSR 0x12346:"), 1);
    assert_int_equal(fake_host_logged("[web] unknown MSR 0x2:"), 1);
    assert_int_equal(fake_machine.vm->unknown_msr_accesses, 9);
}

// A guest can neither fill the log by many MSRs nor by many starts.
static void the_log_is_not_filled(void **state)
{
    struct reason why = {""};
    (void)state;
    fake_machine.vm->config.ignore_msrs = true;
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(msr_value(UNKNOWN + i), 0);
    }
    assert_int_equal(fake_host_logged("unknown MSR"), VM_LOGGED_MSRS);
    assert_int_equal(fake_machine_vm_reset(fake_machine.vm, &why), STATUS_OK);
    fake_machine.vcpu = fake_machine.vm->vcpus[0];
    fake_backend.ops.load_vcpu(&fake_machine.vcpu->core);
    for (uint32_t i = 0; i < 200; i++) {
        assert_int_equal(msr_value(UNKNOWN + i), 0);
    }
    assert_int_equal(fake_host_logged("unknown MSR"), VM_LOGGED_MSRS);
}

// What the guest has still refuses what a CPU would refuse.
static void known_ones_still_fault(void **state)
{
    uint64_t value;
    (void)state;
    fake_machine.vm->config.ignore_msrs = true;
    assert_false(msr_writes(IA32_EFER, BIT(1)));
    assert_false(msr_writes(IA32_PAT, 2));
    assert_false(msr_writes(IA32_MTRRCAP, 0));
    assert_false(msr_writes(IA32_APIC_BASE, 1));
    assert_false(msr_writes(IA32_MTRR_DEF_TYPE, BIT(40)));
    assert_false(msr_reads(IA32_X2APIC_FIRST + 2, &value)); // not in x2APIC mode
    assert_false(msr_writes(IA32_X2APIC_EOI, 0));
    assert_false(msr_writes(IA32_X2APIC_LAST, 0));
    assert_int_equal(fake_host_logged("unknown MSR"), 0);
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, fake_machine_set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_unknown_one_faults),  TEST(ignored_it_reads_0_and_takes_anything),
        TEST(each_is_logged_once),    TEST(the_log_is_not_filled),
        TEST(known_ones_still_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
