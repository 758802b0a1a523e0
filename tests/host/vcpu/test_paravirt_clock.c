// SPDX-License-Identifier: MIT
// Tests of kvm-clock: what a guest computes from the structure and its TSC is the VM's clock.
#include "vmm/vcpu/paravirt_clock.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "arch/x86/kvm_interface.h"
#include "arch/x86/msr_numbers.h"
#include "tests/host/fake_machine.h"
#include "tests/host/vcpu/msr_fixture.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/string.h"
#include "vmm/vm/vm_hold.h"
#include "vmm/vm/vm_life.h"

#define PLACE 0x5004ULL // a multiple of 4 only

static struct kvm_system_time time_at(uint64_t address)
{
    struct kvm_system_time time;
    memcpy(&time, guest_memory_at(&fake_machine.vm->memory, gpa(address), sizeof(time)),
           sizeof(time));
    return time;
}

static uint64_t guest_tsc(const struct vcpu *vcpu)
{
    return fake_host.host.tsc() + vcpu->vm->tsc_offset + vcpu->tsc_adjust;
}

// What a guest computes.
static uint64_t clock_of(const struct kvm_system_time *time, uint64_t tsc)
{
    uint64_t ticks = tsc - time->tsc_timestamp;
    ticks = time->tsc_shift < 0 ? ticks >> -time->tsc_shift : ticks << time->tsc_shift;
    return time->system_time + (uint64_t)((unsigned __int128)ticks * time->tsc_to_system_mul >> 32);
}

static void assert_right(void)
{
    struct kvm_system_time time = time_at(PLACE);
    uint64_t now_ns = vm_now_ns(fake_machine.vm);
    assert_int_equal(time.version & 1, 0);
    assert_in_range(clock_of(&time, guest_tsc(fake_machine.vcpu)), now_ns - (now_ns ? 1 : 0),
                    now_ns + 1);
}

static void switch_on(void)
{
    assert_true(msr_writes(MSR_KVM_SYSTEM_TIME, PLACE | MSR_KVM_ENABLE));
}

static void it_is_the_vms_clock(void **state)
{
    (void)state;
    fake_host.now_ns += 12345678;
    switch_on();
    assert_right();
    for (uint64_t step = 1; step < 400ULL * 86400 * NS_PER_S; step *= 7) {
        fake_host.now_ns += step;
        assert_right();
    }
    assert_int_equal(time_at(PLACE).flags, KVM_SYSTEM_TIME_STABLE);
}

static void it_stands_still_over_a_pause(void **state)
{
    struct reason why = {""};
    (void)state;
    switch_on();
    for (unsigned i = 0; i < 3; i++) {
        fake_host.now_ns += 1000000;
        assert_int_equal(vm_pause(fake_machine.vm, &why), STATUS_OK);
        fake_host.now_ns += 3600 * NS_PER_S;
        assert_int_equal(vm_resume(fake_machine.vm, &why), STATUS_OK);
        assert_right();
        assert_in_range(vm_now_ns(fake_machine.vm), 1000000 * (i + 1), 1000000 * (i + 1) + 1000);
    }
}

static void it_follows_a_tsc_that_is_set(void **state)
{
    static const uint64_t values[] = {0, 1000, 1ULL << 62, UINT64_MAX, 5};
    (void)state;
    fake_host.now_ns += 777777;
    switch_on();
    for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
        uint32_t version = time_at(PLACE).version;
        assert_true(msr_writes(IA32_TSC, values[i]));
        assert_int_not_equal(time_at(PLACE).version, version); // the guest reads again
        assert_right();
        fake_host.now_ns += 54321;
        assert_right();
    }
}

// Each rate in kHz as a guest would compute it back.
static void every_rate_has_a_factor(void **state)
{
    (void)state;
    for (uint64_t hz = 20000000; hz < 12000000000; hz = hz * 9 / 8) {
        fake_host.tsc_hz_more = hz - fake_host.tsc_ghz * NS_PER_S;
        switch_on();
        struct kvm_system_time time = time_at(PLACE);
        time.tsc_timestamp = 0;
        assert_in_range(clock_of(&time, hz), NS_PER_S - 40, NS_PER_S);
    }
}

static void it_is_not_written_when_it_is_off(void **state)
{
    (void)state;
    switch_on();
    struct kvm_system_time before = time_at(PLACE);
    assert_true(msr_writes(MSR_KVM_SYSTEM_TIME, PLACE));
    assert_true(msr_writes(IA32_TSC, 0));
    struct kvm_system_time after = time_at(PLACE);
    assert_memory_equal(&before, &after, sizeof(before));
}

static void the_date_is_when_the_clock_began(void **state)
{
    struct kvm_wall_clock clock;
    struct kvm_wall_clock again;
    (void)state;
    const void *at = guest_memory_at(&fake_machine.vm->memory, gpa(PLACE), sizeof(clock));
    uint64_t began_ns = fake_host.host.wall_clock_s() * NS_PER_S + fake_host.now_ns % NS_PER_S -
                        vm_now_ns(fake_machine.vm);
    assert_true(msr_writes(MSR_KVM_WALL_CLOCK, PLACE));
    memcpy(&clock, at, sizeof(clock));
    assert_int_equal(clock.seconds * NS_PER_S + clock.nanoseconds, began_ns);
    assert_int_equal(clock.version & 1, 0);
    fake_host.now_ns += 123456789012;
    assert_true(msr_writes(MSR_KVM_WALL_CLOCK, PLACE));
    memcpy(&again, at, sizeof(again));
    assert_int_equal(again.seconds, clock.seconds);
    assert_int_equal(again.nanoseconds, clock.nanoseconds);
    assert_int_not_equal(again.version, clock.version);
}

// ---- Two vCPUs ----

// The vCPU whose exits come next.
static void take(unsigned index)
{
    fake_host.cpu = index;
    fake_machine.vcpu = fake_machine.vm->vcpus[index];
    fake_host.host.space_enter(&fake_machine.vm->space);
    fake_backend.ops.load_vcpu(&fake_machine.vcpu->core);
}

static int set_up_two(void **state)
{
    (void)state;
    fake_machine_start_smp(2);
    for (unsigned i = 2; i-- > 0;) {
        fake_host.cpu = i;
        assert_true(vm_hold(fake_machine.vm, i));
        take(i);
    }
    return 0;
}

static void unequal_tscs_are_told_to_all(void **state)
{
    (void)state;
    fake_host.now_ns += 1000;
    switch_on();
    take(1);
    assert_true(msr_writes(MSR_KVM_SYSTEM_TIME, (PLACE + 0x100) | MSR_KVM_ENABLE));
    assert_int_equal(time_at(PLACE).flags, KVM_SYSTEM_TIME_STABLE);
    assert_int_equal(time_at(PLACE + 0x100).flags, KVM_SYSTEM_TIME_STABLE);
    assert_true(msr_writes(IA32_TSC, 0));
    assert_int_equal(time_at(PLACE).flags, 0);
    assert_int_equal(time_at(PLACE + 0x100).flags, 0);
    struct kvm_system_time second = time_at(PLACE + 0x100);
    assert_in_range(clock_of(&second, guest_tsc(fake_machine.vcpu)), vm_now_ns(fake_machine.vm) - 1,
                    vm_now_ns(fake_machine.vm) + 1);
    take(0);
    assert_right();
    assert_true(msr_writes(IA32_TSC, 0)); // both stand at 0 now
    assert_int_equal(time_at(PLACE).flags, KVM_SYSTEM_TIME_STABLE);
    assert_int_equal(time_at(PLACE + 0x100).flags, KVM_SYSTEM_TIME_STABLE);
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, fake_machine_set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_the_vms_clock),
        TEST(it_stands_still_over_a_pause),
        TEST(it_follows_a_tsc_that_is_set),
        TEST(every_rate_has_a_factor),
        TEST(it_is_not_written_when_it_is_off),
        TEST(the_date_is_when_the_clock_began),
        cmocka_unit_test_setup_teardown(unequal_tscs_are_told_to_all, set_up_two,
                                        fake_machine_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
