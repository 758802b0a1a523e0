// SPDX-License-Identifier: MIT
// Tests of a vCPU that nobody disturbs: it goes on slice after slice without the scheduler.
#include "vmm/vm/scheduler_run.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/host/fake_machine.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/vcpu/vcpu_timers.h"
#include "vmm/vm/scheduler_account.h"
#include "vmm/vm/scheduler_step.h"

#define MS NS_PER_MS
#define RENEWALS 4

static int set_up(void **state)
{
    (void)state;
    fake_machine_init();
    fake_backend.guest = fake_backend_compute;
    fake_host.undisturbed = true;
    return 0;
}

static struct scheduler *cpu0(void)
{
    return &fake_machine.schedulers[0];
}

static struct vm *start(const char *name, unsigned vcpus)
{
    struct reason why = {""};
    struct vm *vm = fake_machine_add_smp(name, vcpus, BIT(0));
    assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
    for (unsigned i = 1; i < vcpus; i++) {
        vm->vcpus[i]->waits_for_startup = false;
    }
    return vm;
}

static uint64_t renew_until(unsigned renewals, uint64_t until_ns)
{
    fake_backend.renewals = renewals;
    uint64_t begin_ns = fake_host.now_ns;
    uint64_t wake_ns;
    assert_true(scheduler_step(cpu0(), until_ns, &wake_ns));
    return fake_host.now_ns - begin_ns;
}

static uint64_t step_until(uint64_t until_ns)
{
    return renew_until(RENEWALS, until_ns);
}

static uint64_t used_ns(const struct vm *vm)
{
    return cpu0()->accounts[vm->index].used_ns;
}

static void who_is_alone_goes_on(void **state)
{
    (void)state;
    struct vm *vm = start("alone", 1);
    (void)step_until(NEVER_NS); // its first slice was shared with its start
    uint64_t used_before_ns = used_ns(vm), run_before_ns = vm->vcpus[0]->run_ns;
    assert_int_equal(step_until(NEVER_NS), (RENEWALS + 1) * SCHEDULER_SLICE_NS);
    assert_int_equal(used_ns(vm) - used_before_ns, (RENEWALS + 1) * SCHEDULER_SLICE_NS);
    assert_int_equal(vm->vcpus[0]->run_ns - run_before_ns, (RENEWALS + 1) * SCHEDULER_SLICE_NS);
}

static void others_that_want_the_cpu_get_it_after_a_slice(void **state)
{
    (void)state;
    start("a", 1);
    start("b", 1);
    for (unsigned i = 0; i < 10; i++) {
        assert_in_range(step_until(NEVER_NS), 1, SCHEDULER_SLICE_NS);
    }
}

static void a_second_vcpu_of_the_vm_gets_the_cpu_after_a_slice(void **state)
{
    (void)state;
    const struct vm *vm = start("smp", 2);
    for (unsigned i = 0; i < 10; i++) {
        assert_in_range(step_until(NEVER_NS), 1, SCHEDULER_SLICE_NS);
    }
    assert_in_range(vm->vcpus[1]->run_ns, 20 * MS, 30 * MS);
}

static void husk_gets_the_cpu_when_it_wants_it(void **state)
{
    (void)state;
    start("alone", 1);
    (void)step_until(NEVER_NS);
    assert_int_equal(step_until(fake_host.now_ns + 12 * MS), 12 * MS);
}

static void a_disturbed_cpu_looks(void **state)
{
    (void)state;
    start("alone", 1);
    fake_host.undisturbed = false;
    for (unsigned i = 0; i < 3; i++) {
        assert_in_range(step_until(NEVER_NS), 1, SCHEDULER_SLICE_NS);
    }
}

static void a_vm_that_starts_meanwhile_is_found_and_does_not_catch_up(void **state)
{
    (void)state;
    const struct vm *old = start("old", 1);
    assert_in_range(renew_until(200, NEVER_NS), 1000 * MS, 1005 * MS);
    const struct vm *young = start("young", 1);
    uint64_t old_before_ns = used_ns(old), young_before_ns = used_ns(young);
    uint64_t end_ns = fake_host.now_ns + 200 * MS;
    while (fake_host.now_ns < end_ns) {
        (void)step_until(NEVER_NS);
    }
    assert_in_range(used_ns(old) - old_before_ns, 90 * MS, 110 * MS);
    assert_in_range(used_ns(young) - young_before_ns, 90 * MS, 110 * MS);
}

// ---- Timers ----

static uint64_t due_ns;  // host time
static uint64_t seen_ns; // when the guest was out of its run at or after due_ns
static bool of_device;
static bool devices_due; // at seen_ns

// In its first run the guest sets a timer that is due after several slices.
static void set_timer_first(struct vcpu_core *core)
{
    struct vcpu *vcpu = vcpu_of(core);
    if (due_ns == 0) {
        due_ns = fake_host.now_ns + 12 * MS;
        uint64_t vm_ns = due_ns - vcpu->vm->clock_base_ns;
        if (of_device) {
            vcpu_device_timer_set(vcpu, vm_ns);
        } else {
            vcpu_timer_set(vcpu, vm_ns);
        }
    }
    fake_backend_compute(core);
    if (seen_ns == 0 && fake_host.now_ns >= due_ns) {
        seen_ns = fake_host.now_ns;
        devices_due = seen_ns >= vcpu->devices_event_ns;
    }
}

static void serve_timer(bool device)
{
    start("timer", 1);
    due_ns = seen_ns = 0;
    of_device = device;
    fake_backend.guest = set_timer_first;
    while (seen_ns == 0) {
        (void)step_until(NEVER_NS);
    }
    assert_int_equal(seen_ns, due_ns);
    assert_int_equal(devices_due, device);
}

static void a_timer_set_beyond_the_slice_is_served_in_time(void **state)
{
    (void)state;
    serve_timer(false);
}

static void a_devices_timer_set_beyond_the_slice_is_served_in_time(void **state)
{
    (void)state;
    serve_timer(true);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, fake_machine_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(who_is_alone_goes_on),
        TEST(others_that_want_the_cpu_get_it_after_a_slice),
        TEST(a_second_vcpu_of_the_vm_gets_the_cpu_after_a_slice),
        TEST(husk_gets_the_cpu_when_it_wants_it),
        TEST(a_disturbed_cpu_looks),
        TEST(a_vm_that_starts_meanwhile_is_found_and_does_not_catch_up),
        TEST(a_timer_set_beyond_the_slice_is_served_in_time),
        TEST(a_devices_timer_set_beyond_the_slice_is_served_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
