// SPDX-License-Identifier: MIT
// Tests of RDMSR and WRMSR in a guest.
#include "vmm/vcpu/msr.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "arch/x86/msr_numbers.h"
#include "arch/x86/registers.h"
#include "tests/host/fake_machine.h"
#include "tests/host/vcpu/msr_fixture.h"
#include "vmm/devices/lapic_timer.h"
#include "vmm/vcpu/cpuid_build.h"
#include "vmm/vcpu/vcpu_mail_take.h"
#include "vmm/vcpu/vcpu_timers.h"

#define ONES 0xffffffffffffffffULL

// ---- What a guest has ----

static void reading_moves_on(void **state)
{
    (void)state;
    assert_int_equal(msr_value(IA32_APIC_BASE),
                     APIC_DEFAULT_ADDRESS | APIC_BASE_ENABLE | APIC_BASE_BSP);
    assert_int_equal(fake_machine_register(REG_RIP), 0x7c00 + FAKE_INSTRUCTION_BYTES);
    assert_int_equal(fake_machine.vcpu->core.exits[EXIT_READ_MSR], 1);
}

static void constants_read_and_refuse_writes(void **state)
{
    static const struct {
        uint32_t msr;
        uint64_t value;
    } constants[] = {{IA32_MTRRCAP, 0x508},
                     {IA32_FEATURE_CONTROL, FEATURE_CONTROL_LOCKED},
                     {IA32_PLATFORM_ID, 0},
                     {IA32_MCG_CAP, 0}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(constants); i++) {
        assert_int_equal(msr_value(constants[i].msr), constants[i].value);
        assert_false(msr_writes(constants[i].msr, 4));
    }
}

static void mtrrs_keep_what_is_written(void **state)
{
    static const uint32_t fixed[] = {0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
                                     0x26b, 0x26c, 0x26d, 0x26e, 0x26f};
    (void)state;
    for (uint32_t i = 0; i < 16; i++) {
        assert_true(msr_writes(0x200 + i, 0x1122334455660000 + i));
    }
    for (unsigned i = 0; i < ARRAY_SIZE(fixed); i++) {
        assert_true(msr_writes(fixed[i], 0x0606060606060600 + i));
    }
    for (uint32_t i = 0; i < 16; i++) {
        assert_int_equal(msr_value(0x200 + i), 0x1122334455660000 + i);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(fixed); i++) {
        assert_int_equal(msr_value(fixed[i]), 0x0606060606060600 + i);
    }
    assert_false(msr_writes(0x210, 0)); // the ninth variable one
    assert_false(msr_writes(0x251, 0));
    assert_false(msr_writes(0x270, 0));
}

static void mtrr_default_type_checks_its_bits(void **state)
{
    (void)state;
    assert_int_equal(msr_value(IA32_MTRR_DEF_TYPE), 0x806);
    assert_true(msr_writes(IA32_MTRR_DEF_TYPE, 0xc00));
    assert_int_equal(msr_value(IA32_MTRR_DEF_TYPE), 0xc00);
    assert_false(msr_writes(IA32_MTRR_DEF_TYPE, 0x1000));
    assert_false(msr_writes(IA32_MTRR_DEF_TYPE, BIT(40)));
    assert_int_equal(msr_value(IA32_MTRR_DEF_TYPE), 0xc00);
}

static void some_are_kept_without_effect(void **state)
{
    (void)state;
    assert_int_equal(msr_value(IA32_MISC_ENABLE),
                     MISC_ENABLE_FAST_STRINGS | MISC_ENABLE_NO_BTS | MISC_ENABLE_NO_PEBS);
    assert_true(msr_writes(IA32_MISC_ENABLE, 0));
    assert_int_equal(msr_value(IA32_MISC_ENABLE), 0);
    assert_true(msr_writes(IA32_MCG_STATUS, 4));
    assert_int_equal(msr_value(IA32_MCG_STATUS), 4);
}

// Software writes 0, executes CPUID, and reads the revision: there is none.
static void microcode_revision_reads_0(void **state)
{
    (void)state;
    assert_true(msr_writes(IA32_BIOS_SIGN_ID, 0x1234));
    assert_int_equal(msr_value(IA32_BIOS_SIGN_ID), 0);
}

// Kernels set LBR and BTF without asking. There are no branch records and no branch traps.
static void debug_control_stays_0(void **state)
{
    (void)state;
    assert_true(msr_writes(IA32_DEBUGCTL, 0));
    assert_true(msr_writes(IA32_DEBUGCTL, DEBUGCTL_LBR | DEBUGCTL_BTF));
    assert_int_equal(msr_value(IA32_DEBUGCTL), 0);
    assert_false(msr_writes(IA32_DEBUGCTL, BIT(2)));
    assert_false(msr_writes(IA32_DEBUGCTL, BIT(6)));
    assert_false(msr_writes(IA32_DEBUGCTL, BIT(32)));
}

static void efer_is_checked(void **state)
{
    (void)state;
    assert_true(msr_writes(IA32_EFER, EFER_SCE | EFER_NXE | EFER_LME));
    assert_int_equal(fake_machine_register(REG_EFER), EFER_SCE | EFER_NXE | EFER_LME);
    assert_false(msr_writes(IA32_EFER, EFER_SVME));
    assert_false(msr_writes(IA32_EFER, BIT(1)));
    assert_false(msr_writes(IA32_EFER, BIT(63)));
    assert_true(msr_writes(IA32_EFER, EFER_LMA)); // LMA is the processor's own
    assert_int_equal(fake_machine_register(REG_EFER), 0);
    fake_machine_set_register(REG_CR0, CR0_PE | CR0_PG);
    assert_false(msr_writes(IA32_EFER, EFER_LME)); // not while paging is on
    assert_true(msr_writes(IA32_EFER, EFER_NXE));
}

static void efer_reads_as_it_is(void **state)
{
    (void)state;
    fake_machine_set_register(REG_EFER, EFER_SCE | EFER_LME | EFER_LMA);
    assert_int_equal(msr_value(IA32_EFER), EFER_SCE | EFER_LME | EFER_LMA);
}

static void pat_takes_only_types_that_there_are(void **state)
{
    (void)state;
    assert_true(msr_writes(IA32_PAT, 0x0001040506070100));
    assert_int_equal(msr_value(IA32_PAT), 0x0001040506070100);
    assert_int_equal(fake_machine_register(REG_PAT), 0x0001040506070100);
    assert_false(msr_writes(IA32_PAT, 0x0200000000000000));
    assert_false(msr_writes(IA32_PAT, 0x03));
    assert_false(msr_writes(IA32_PAT, 0x0800));
    assert_int_equal(msr_value(IA32_PAT), 0x0001040506070100);
}

static void xss_comes_with_xsaves_and_stays_empty(void **state)
{
    struct cpuid_identity identity = {.vcpus = 1, .features = FEATURE_XSAVES};
    uint64_t value;
    (void)state;
    assert_false(msr_reads(IA32_XSS, &value));
    assert_false(msr_writes(IA32_XSS, 0));
    cpuid_table_build(&fake_machine.vcpu->cpuid, &fake_host.host, &identity);
    assert_int_equal(msr_value(IA32_XSS), 0);
    assert_true(msr_writes(IA32_XSS, 0));
    assert_false(msr_writes(IA32_XSS, 1));
}

static void efer_keeps_lma_in_long_mode(void **state)
{
    (void)state;
    fake_machine_set_register(REG_CR0, CR0_PE | CR0_PG);
    fake_machine_set_register(REG_EFER, EFER_LME | EFER_LMA);
    assert_true(msr_writes(IA32_EFER, EFER_LME | EFER_SCE));
    assert_int_equal(fake_machine_register(REG_EFER), EFER_LME | EFER_LMA | EFER_SCE);
    assert_false(msr_writes(IA32_EFER, EFER_SCE));
}

// With EFER.LME, code of the same bytes may be of another mode.
static void a_change_of_lme_forgets_moves(void **state)
{
    uint8_t *access = &fake_machine.vcpu->emulator_cache.moves[0].access;
    (void)state;
    assert_true(msr_writes(IA32_EFER, EFER_LME));
    *access = ACCESS_READ;
    assert_true(msr_writes(IA32_EFER, EFER_LME | EFER_NXE));
    assert_int_equal(*access, ACCESS_READ);
    assert_true(msr_writes(IA32_EFER, EFER_NXE));
    assert_int_equal(*access, 0);
}

static void tsc_is_set_by_its_offset(void **state)
{
    (void)state;
    assert_true(msr_writes(IA32_TSC, 1000));
    uint64_t tsc = fake_host.host.tsc();

    assert_int_equal(tsc + fake_machine_register(REG_TSC_OFFSET), 1000);
    assert_true(msr_writes(IA32_TSC, ONES));
    assert_int_equal(tsc + fake_machine_register(REG_TSC_OFFSET), ONES);
}

// ---- What it has not ----

static void unknown_ones_fault_and_are_named(void **state)
{
    static const uint32_t unknown[] = {2,          0x49,       0x480,     0xc0010015, 0xc0010117,
                                       0x40000000, 0x7ff,      0x900,     UINT32_MAX, 0xda0,
                                       0x391,      IA32_MPERF, 0xc0000104};
    uint64_t value;
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(unknown); i++) {
        assert_false(msr_reads(unknown[i], &value));
        assert_int_equal(fake_machine.vm->last_unknown_msr, unknown[i]);
        assert_int_equal(fake_machine.vm->unknown_msr_accesses, 2 * i + 1);
        assert_false(msr_writes(unknown[i], 0));
        assert_int_equal(fake_machine.vm->unknown_msr_accesses, 2 * i + 2);
    }
    assert_int_equal(fake_machine_register(REG_RIP), 0x7c00);
    assert_int_equal(fake_machine.vm->state, VM_RUNNING);
}

// ---- x2APIC ----

static void x2apic_registers_need_the_mode(void **state)
{
    uint64_t value;
    (void)state;
    for (uint32_t msr = IA32_X2APIC_FIRST; msr <= IA32_X2APIC_LAST; msr++) {
        assert_false(msr_reads(msr, &value));
        assert_false(msr_writes(msr, 0));
    }
    assert_int_equal(lapic_mode(&fake_machine.vcpu->lapic), LAPIC_XAPIC);
}

static void enter_x2apic(void)
{
    assert_true(
        msr_writes(IA32_APIC_BASE, APIC_DEFAULT_ADDRESS | APIC_BASE_ENABLE | APIC_BASE_X2APIC));
}

static void x2apic_mode_has_its_registers(void **state)
{
    uint64_t value;
    (void)state;
    enter_x2apic();
    assert_int_equal(msr_value(0x802), 0); // the ID
    assert_true(msr_writes(0x808, 0x20));
    assert_int_equal(msr_value(0x808), 0x20);
    assert_false(msr_writes(0x808, 0x100)); // reserved bits
    assert_false(msr_writes(0x802, 0));     // read-only
    assert_false(msr_reads(0x80b, &value)); // EOI is write-only
    assert_false(msr_reads(0x80e, &value)); // DFR does not exist
    assert_true(msr_writes(0x83f, 0x50));   // self IPI
    assert_int_equal(lapic_pending(&fake_machine.vcpu->lapic), 0x50);
    assert_true(fake_machine.vcpu->core.work & WORK_EVENTS);
}

static void eoi_ends_and_looks_for_more(void **state)
{
    struct vcpu *vcpu = fake_machine.vcpu;
    (void)state;
    enter_x2apic();
    lapic_post(&vcpu->lapic, 0x40, false);
    lapic_accept(&vcpu->lapic, 0x40);
    vcpu->core.work = 0;
    assert_true(msr_writes(IA32_X2APIC_EOI, 0));
    assert_int_equal(vcpu->core.work, 0); // nothing more: stays in the back end's loop
    lapic_post(&vcpu->lapic, 0x40, false);
    lapic_accept(&vcpu->lapic, 0x40);
    lapic_post(&vcpu->lapic, 0x41, false);
    assert_true(msr_writes(IA32_X2APIC_EOI, 0));
    assert_true(vcpu->core.work & WORK_EVENTS);
    assert_false(msr_writes(IA32_X2APIC_EOI, 1));
}

// The line is still high, so the I/O APIC asks again during the EOI.
static void eoi_sees_what_comes_again_by_it(void **state)
{
    struct vcpu *vcpu = fake_machine.vcpu;
    struct pc *pc = vcpu->vm->pc;
    (void)state;
    enter_x2apic();
    fake_machine_ioapic_write(0, 0x18); // pin 4, level-triggered
    fake_machine_ioapic_write(0x10, BIT(15) | 0x64);
    ioapic_set_pin(&pc->ioapic, 4, true);
    vcpu_mail_take(vcpu);
    lapic_accept(&vcpu->lapic, 0x64);
    assert_int_equal(lapic_pending(&vcpu->lapic), -1);
    vcpu->core.work = 0;
    assert_true(msr_writes(IA32_X2APIC_EOI, 0));
    assert_true(vcpu->core.work & WORK_EVENTS);
    vcpu_mail_take(vcpu);
    assert_int_equal(lapic_pending(&vcpu->lapic), 0x64);
}

static void apic_base_checks_its_value(void **state)
{
    (void)state;
    assert_false(msr_writes(IA32_APIC_BASE, APIC_DEFAULT_ADDRESS | APIC_BASE_X2APIC));
    assert_false(msr_writes(IA32_APIC_BASE, APIC_DEFAULT_ADDRESS | APIC_BASE_ENABLE | 1));
    assert_false(msr_writes(IA32_APIC_BASE, BIT(46) | APIC_BASE_ENABLE)); // 46 address bits
    assert_true(msr_writes(IA32_APIC_BASE, 0xfef00000 | APIC_BASE_ENABLE));
    assert_int_equal(msr_value(IA32_APIC_BASE), 0xfef00000 | APIC_BASE_ENABLE | APIC_BASE_BSP);
    enter_x2apic();
    assert_false(msr_writes(IA32_APIC_BASE, APIC_DEFAULT_ADDRESS | APIC_BASE_ENABLE));
}

static bool cpuid_has_apic(void)
{
    return cpuid_table_find(&fake_machine.vcpu->cpuid, 1, 0).edx & CPUID_1_EDX_APIC;
}

static void cpuid_has_the_apic_while_it_is_enabled(void **state)
{
    (void)state;
    assert_true(cpuid_has_apic());
    assert_true(msr_writes(IA32_APIC_BASE, APIC_DEFAULT_ADDRESS));
    assert_false(cpuid_has_apic());
    assert_false(msr_writes(IA32_APIC_BASE, APIC_DEFAULT_ADDRESS | APIC_BASE_X2APIC));
    assert_false(cpuid_has_apic());
    assert_true(msr_writes(IA32_APIC_BASE, APIC_DEFAULT_ADDRESS | APIC_BASE_ENABLE));
    assert_true(cpuid_has_apic());
    enter_x2apic();
    assert_true(cpuid_has_apic());
}

// ---- The TSC deadline ----

static void select_deadline_mode(void)
{
    enter_x2apic();
    assert_true(msr_writes(0x832, 2U << 17 | 0x61));
}

static void a_deadline_fires_when_the_guests_tsc_gets_there(void **state)
{
    struct vcpu *vcpu = fake_machine.vcpu;
    uint64_t start_ns = fake_host.now_ns;
    (void)state;
    select_deadline_mode();
    assert_true(msr_writes(IA32_TSC, 1000000));
    assert_true(msr_writes(IA32_TSC_DEADLINE, 1000000 + 2 * 5000)); // 2 ticks a ns
    assert_int_equal(msr_value(IA32_TSC_DEADLINE), 1010000);
    uint64_t due_ns = fake_machine_next_event_ns(vcpu);

    assert_in_range(due_ns, start_ns + 5000, start_ns + 5001);
    fake_host.now_ns = start_ns + 4999;
    lapic_advance(&vcpu->lapic, vm_now_ns(vcpu->vm));
    assert_int_equal(lapic_pending(&vcpu->lapic), -1);
    fake_host.now_ns = due_ns;
    lapic_advance(&vcpu->lapic, vm_now_ns(vcpu->vm));
    assert_int_equal(lapic_pending(&vcpu->lapic), 0x61);
    assert_int_equal(msr_value(IA32_TSC_DEADLINE), 0);
}

static void setting_the_tsc_moves_a_deadline(void **state)
{
    struct vcpu *vcpu = fake_machine.vcpu;
    uint64_t start_ns = fake_host.now_ns;
    (void)state;
    select_deadline_mode();
    assert_true(msr_writes(IA32_TSC_DEADLINE, 1000000));
    assert_true(msr_writes(IA32_TSC, 1000000 - 2 * 300));
    assert_in_range(fake_machine_next_event_ns(vcpu), start_ns + 300, start_ns + 301);
    assert_int_equal(msr_value(IA32_TSC_DEADLINE), 1000000);
    assert_true(msr_writes(IA32_TSC, 1000000));
    lapic_advance(&vcpu->lapic, vm_now_ns(vcpu->vm));
    assert_int_equal(lapic_pending(&vcpu->lapic), 0x61);
}

static void a_deadline_that_has_passed_fires_at_once(void **state)
{
    struct vcpu *vcpu = fake_machine.vcpu;
    (void)state;
    select_deadline_mode();
    fake_host.now_ns += 1000;
    vcpu->core.work = 0;
    assert_true(msr_writes(IA32_TSC_DEADLINE, 1));
    assert_int_not_equal(vcpu->core.work, 0);
    lapic_advance(&vcpu->lapic, vm_now_ns(vcpu->vm));
    assert_int_equal(lapic_pending(&vcpu->lapic), 0x61);
}

// A deadline has passed if it is not ahead of the TSC, even if the TSC will wrap.
static void a_deadline_behind_a_tsc_that_will_wrap_has_passed(void **state)
{
    struct vcpu *vcpu = fake_machine.vcpu;
    (void)state;
    select_deadline_mode();
    assert_true(msr_writes(IA32_TSC, UINT64_MAX - 2000000000));
    assert_true(msr_writes(IA32_TSC_DEADLINE, UINT64_MAX));
    assert_in_range(fake_machine_next_event_ns(vcpu), fake_host.now_ns + 999999999,
                    fake_host.now_ns + 1000000001);
    assert_true(msr_writes(IA32_TSC_DEADLINE, 5));
    lapic_advance(&vcpu->lapic, vm_now_ns(vcpu->vm));
    assert_int_equal(lapic_pending(&vcpu->lapic), 0x61);
}

static void a_deadline_beyond_time_never_fires(void **state)
{
    struct vcpu *vcpu = fake_machine.vcpu;
    (void)state;
    select_deadline_mode();
    assert_true(msr_writes(IA32_TSC_DEADLINE, INT64_MAX));
    assert_true(fake_machine_next_event_ns(vcpu) > fake_host.now_ns + BIT(58));
    assert_true(msr_writes(IA32_TSC_DEADLINE, UINT64_MAX));
    assert_true(fake_machine_next_event_ns(vcpu) > fake_host.now_ns + BIT(58));
    assert_true(msr_writes(IA32_TSC_DEADLINE, 0));
    assert_int_equal(fake_machine_next_event_ns(vcpu), NEVER_NS);
}

static void a_deadline_in_another_mode_is_ignored(void **state)
{
    (void)state;
    assert_true(msr_writes(IA32_TSC_DEADLINE, 12345));
    assert_int_equal(msr_value(IA32_TSC_DEADLINE), 0);
    assert_int_equal(fake_machine_next_event_ns(fake_machine.vcpu), NEVER_NS);
}

// ---- What does not exit ----

static const struct fake_intercept *intercept_of(uint32_t msr)
{
    const struct nested_space *nested = fake_machine.vm->nested;
    const struct fake_intercept *found = NULL;
    for (unsigned i = 0; i < nested->msr_count; i++) {
        if (nested->msrs[i].msr == msr) {
            assert_null(found);
            found = &nested->msrs[i];
        }
    }
    return found;
}

static void only_the_vcpus_own_are_reached_without_an_exit(void **state)
{
    static const uint32_t own[] = {IA32_STAR,    IA32_LSTAR,         IA32_CSTAR, IA32_FMASK,
                                   IA32_FS_BASE, IA32_GS_BASE,       IA32_PAT,   IA32_SYSENTER_EIP,
                                   IA32_TSC_AUX, IA32_KERNEL_GS_BASE};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(own); i++) {
        assert_non_null(intercept_of(own[i]));
        assert_false(intercept_of(own[i])->reads || intercept_of(own[i])->writes);
    }
    assert_true(intercept_of(IA32_EFER)->writes);
    assert_true(intercept_of(IA32_TSC)->writes);
    assert_int_equal(fake_machine.vm->nested->msr_count, ARRAY_SIZE(own) + 4);
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, fake_machine_set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reading_moves_on),
        TEST(constants_read_and_refuse_writes),
        TEST(mtrrs_keep_what_is_written),
        TEST(mtrr_default_type_checks_its_bits),
        TEST(some_are_kept_without_effect),
        TEST(microcode_revision_reads_0),
        TEST(debug_control_stays_0),
        TEST(efer_is_checked),
        TEST(efer_reads_as_it_is),
        TEST(pat_takes_only_types_that_there_are),
        TEST(xss_comes_with_xsaves_and_stays_empty),
        TEST(efer_keeps_lma_in_long_mode),
        TEST(a_change_of_lme_forgets_moves),
        TEST(tsc_is_set_by_its_offset),
        TEST(unknown_ones_fault_and_are_named),
        TEST(x2apic_registers_need_the_mode),
        TEST(x2apic_mode_has_its_registers),
        TEST(eoi_ends_and_looks_for_more),
        TEST(eoi_sees_what_comes_again_by_it),
        TEST(apic_base_checks_its_value),
        TEST(cpuid_has_the_apic_while_it_is_enabled),
        TEST(a_deadline_fires_when_the_guests_tsc_gets_there),
        TEST(setting_the_tsc_moves_a_deadline),
        TEST(a_deadline_that_has_passed_fires_at_once),
        TEST(a_deadline_behind_a_tsc_that_will_wrap_has_passed),
        TEST(a_deadline_beyond_time_never_fires),
        TEST(a_deadline_in_another_mode_is_ignored),
        TEST(only_the_vcpus_own_are_reached_without_an_exit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
