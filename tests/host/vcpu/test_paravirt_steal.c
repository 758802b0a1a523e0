// SPDX-License-Identifier: MIT
// Tests of steal time: what counts as stolen, and what the guest sees of it.
#include "vmm/vcpu/paravirt_steal.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "arch/x86/kvm_interface.h"
#include "arch/x86/registers.h"
#include "tests/host/fake_machine.h"
#include "tests/host/vcpu/msr_fixture.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/string.h"
#include "vmm/vm/scheduler_step.h"
#include "vmm/vm/vm_life.h"

#define MS 1000000ULL
#define PLACE 0x5000ULL

static struct kvm_steal_time *structure(void)
{
    return (void *)guest_memory_at(&fake_machine.vm->memory, gpa(PLACE),
                                   sizeof(struct kvm_steal_time));
}

static void switch_on(void)
{
    assert_true(msr_writes(MSR_KVM_STEAL_TIME, PLACE | MSR_KVM_ENABLE));
}

// ---- What the guest sees ----

static void it_grows_by_what_was_waited(void **state)
{
    (void)state;
    paravirt_steal_run(fake_machine.vcpu, 5);
    switch_on();
    assert_int_equal(structure()->steal, 5);
    paravirt_steal_run(fake_machine.vcpu, 1000);
    assert_int_equal(structure()->steal, 1005);
    paravirt_steal_run(fake_machine.vcpu, 0);
    assert_int_equal(structure()->steal, 1005);
    assert_int_equal(structure()->flags, 0);
}

// The guest finds an even version that is another one each time, whatever it wrote there.
static void versions_are_even_and_change(void **state)
{
    static const uint32_t before[] = {0, 1, 2, 3, UINT32_MAX - 1, UINT32_MAX};
    (void)state;
    switch_on();
    for (unsigned i = 0; i < ARRAY_SIZE(before); i++) {
        structure()->version = before[i];
        paravirt_steal_run(fake_machine.vcpu, 1);
        assert_int_equal(structure()->version & 1, 0);
        assert_true(structure()->version != before[i]);
    }
}

static void the_rest_of_the_structure_is_the_guests(void **state)
{
    (void)state;
    memset(structure(), 0xa5, sizeof(struct kvm_steal_time));
    switch_on();
    paravirt_steal_preempt(fake_machine.vcpu);
    for (unsigned i = 0; i < sizeof(structure()->reserved); i++) {
        assert_int_equal(structure()->reserved[i], 0xa5);
    }
}

static void others_see_that_it_is_preempted(void **state)
{
    (void)state;
    structure()->preempted = 0xff;
    switch_on();
    assert_int_equal(structure()->preempted, 0);
    paravirt_steal_preempt(fake_machine.vcpu);
    assert_int_equal(structure()->preempted, KVM_STEAL_TIME_PREEMPTED);
    paravirt_steal_run(fake_machine.vcpu, 7);
    assert_int_equal(structure()->preempted, 0);
}

static void who_does_not_ask_is_told_nothing(void **state)
{
    static const struct kvm_steal_time nothing;
    (void)state;
    assert_true(msr_writes(MSR_KVM_STEAL_TIME, PLACE)); // not enabled
    paravirt_steal_run(fake_machine.vcpu, 1000);
    paravirt_steal_preempt(fake_machine.vcpu);
    assert_memory_equal(structure(), &nothing, sizeof(nothing));
}

// ---- What counts ----

static uint64_t stolen_ns(const struct vm *vm)
{
    return vm->vcpus[0]->paravirt.stolen_ns;
}

static void run_for(uint64_t ns)
{
    uint64_t end_ns = fake_host.now_ns + ns;
    while (fake_host.now_ns < end_ns) {
        uint64_t wake_ns = 0;
        if (!fake_machine_step(0, &wake_ns)) {
            fake_host.now_ns = MAX(fake_host.now_ns, MIN(wake_ns, end_ns));
        }
    }
}

static struct vm *add_hog(void)
{
    struct reason why;
    struct vm *hog = fake_machine_add("hog");
    fake_backend.guest = fake_backend_compute;
    assert_int_equal(fake_machine_vm_start(hog, &why), STATUS_OK);
    return hog;
}

static void what_the_other_runs_is_stolen(void **state)
{
    (void)state;
    switch_on();
    struct vm *hog = add_hog();
    run_for(100 * MS);
    uint64_t before_ns = stolen_ns(fake_machine.vm);
    uint64_t hog_ns = hog->vcpus[0]->run_ns;
    run_for(1000 * MS);
    uint64_t stolen = stolen_ns(fake_machine.vm) - before_ns;
    assert_in_range(stolen, 480 * MS, 520 * MS);
    assert_in_range(stolen, hog->vcpus[0]->run_ns - hog_ns - 10 * MS,
                    hog->vcpus[0]->run_ns - hog_ns + 10 * MS);
    fake_host.host.space_enter(&fake_machine.vm->space);
    assert_int_equal(structure()->steal, stolen_ns(fake_machine.vm));
}

static void alone_nothing_is_stolen(void **state)
{
    (void)state;
    fake_backend.guest = fake_backend_compute;
    run_for(1000 * MS);
    assert_in_range(stolen_ns(fake_machine.vm), 0, MS);
}

// From the time at which it is woken until it runs.
static void sleep_is_not_stolen(void **state)
{
    struct vcpu *vcpu = fake_machine.vcpu;
    (void)state;
    add_hog();
    run_for(20 * MS);
    vcpu->halted = true;
    fake_backend.ops.load_vcpu(&vcpu->core);
    vcpu_set_register(vcpu, REG_RFLAGS, RFLAGS_FIXED);
    run_for(20 * MS);
    uint64_t before_ns = stolen_ns(fake_machine.vm);
    run_for(300 * MS);
    assert_int_equal(stolen_ns(fake_machine.vm), before_ns);
    vcpu_mail_kick(vcpu);
    fake_host.now_ns += 3 * MS; // its CPU does not look yet
    run_for(MS);
    assert_in_range(stolen_ns(fake_machine.vm) - before_ns, 3 * MS, 5 * MS);
}

static void a_pause_is_not_stolen(void **state)
{
    struct reason why;
    (void)state;
    fake_backend.guest = fake_backend_compute;
    run_for(20 * MS);
    assert_int_equal(vm_pause(fake_machine.vm, &why), STATUS_OK);
    run_for(500 * MS);
    assert_int_equal(vm_resume(fake_machine.vm, &why), STATUS_OK);
    run_for(20 * MS);
    assert_in_range(stolen_ns(fake_machine.vm), 0, 20 * MS);
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, fake_machine_set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_grows_by_what_was_waited),
        TEST(versions_are_even_and_change),
        TEST(the_rest_of_the_structure_is_the_guests),
        TEST(others_see_that_it_is_preempted),
        TEST(who_does_not_ask_is_told_nothing),
        TEST(what_the_other_runs_is_stolen),
        TEST(alone_nothing_is_stolen),
        TEST(sleep_is_not_stolen),
        TEST(a_pause_is_not_stolen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
