// SPDX-License-Identifier: MIT
// Tests of calls to the CPUs of a VM: where they run, and what they may see.
#include "vmm/vm/vm_call.h"
#include "vmm/vm/vm_life.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/fake_machine.h"

static struct reason why;
static struct vm *vm;

static int set_up(void **state)
{
    (void)state;
    fake_machine_init();
    fake_host.cpus = 3;
    vm = fake_machine_add_smp("web", 2, BIT(1) | BIT(2));
    return 0;
}

static unsigned seen;
static unsigned seen_cpu;
static uint64_t seen_cr3;
static struct vcpu_core *seen_core;

static void inspect(struct vm *of, void *context)
{
    assert_ptr_equal(of, vm);
    assert_ptr_equal(context, &seen);
    seen++;
    seen_cpu = fake_host.cpu;
    seen_cr3 = fake_host.cr3[fake_host.cpu];
    seen_core = *fake_backend_current();
}

static void calls_run_on_the_vcpus_cpu_in_the_vms_space(void **state)
{
    (void)state;
    assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(vm_call(vm, i, inspect, &seen, &why), STATUS_OK);
        assert_int_equal(seen_cpu, i + 1);
        assert_int_equal(seen_cr3, vm->space.cr3);
        assert_ptr_equal(seen_core, vm_vcpu_core(vm, i));
        assert_int_equal(fake_host.cr3[i + 1], 0); // each CPU has left the space again
    }
    assert_int_equal(fake_host.cpu, 0);
}

static void a_vm_that_is_off_has_neither(void **state)
{
    (void)state;
    seen = 0;
    assert_int_equal(vm_call(vm, 0, inspect, &seen, &why), STATUS_OK);
    assert_int_equal(seen, 1);
    assert_int_equal(seen_cpu, 1);
    assert_int_equal(seen_cr3, 0);
    assert_null(vm_vcpu_core(vm, 0));
    assert_int_equal(vm_call(vm, 1, inspect, &seen, &why), STATUS_OK);
    assert_int_equal(seen, 1);
}

// The memory of a VM that is starting still holds data of earlier owners.
static void nobody_looks_into_a_vm_that_is_starting(void **state)
{
    (void)state;
    seen = 0;
    assert_int_equal(vm_start(vm, &why), STATUS_OK);
    assert_int_equal(vm_call(vm, 0, inspect, &seen, &why), STATUS_OK);
    assert_int_equal(vm_call(vm, 1, inspect, &seen, &why), STATUS_OK);
    assert_int_equal(seen, 0);
    fake_machine_finish(vm);
    assert_int_equal(vm_call(vm, 0, inspect, &seen, &why), STATUS_OK);
    assert_int_equal(seen, 1);
}

static enum status change(struct vm *of, struct reason *reason)
{
    assert_ptr_equal(of, vm);
    assert_int_equal(fake_host.cpu, 1);
    assert_true(of->held_back);
    assert_int_equal(of->holders, 0);
    return refuse(reason, STATUS_BUSY, "a test");
}

static void changes_are_made_on_the_home_cpu_while_nothing_is_held(void **state)
{
    (void)state;
    assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
    assert_true(fake_machine_step(1, NULL));
    assert_false(fake_machine_step(2, NULL));
    assert_int_equal(vm->holders, 2);
    fake_host.kicks[1] = fake_host.kicks[2] = 0;
    assert_int_equal(vm_on_home_cpu(vm, change, &why), STATUS_BUSY);
    assert_string_equal(why.text, "a test");
    assert_false(vm->held_back);
    assert_int_equal(fake_host.kicks[1], 1); // so that the CPU looks at the VM again
    assert_int_equal(fake_host.kicks[2], 1);
}

static void a_ready_terminal_kicks_the_vms_home_cpu(void **state)
{
    (void)state;
    fake_machine_sleep(vm, 0, WAKE_ALWAYS);
    vm_terminal_ready(vm);
    assert_int_equal(fake_host.kicks[1], 1);
    assert_int_equal(fake_host.kicks[2], 0);
}

// Its CPU may have looked at the UART just before, and then let it fall asleep.
static void a_ready_terminal_makes_an_awake_vcpu_look_again(void **state)
{
    (void)state;
    vm->slots[0].sleep = 0;
    vm_terminal_ready(vm);
    assert_true(fake_machine_woken(vm, 0));
}

// CPU 2 has the second vCPU. The first one's CPU answers.
static void a_cpu_that_does_not_answer_is_named(void **state)
{
    (void)state;
    assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
    assert_false(vm_is_stuck(vm));
    fake_host.stuck[2] = true;
    assert_true(vm_is_stuck(vm));
    seen = 0;
    assert_int_equal(vm_call(vm, 1, inspect, &seen, &why), STATUS_BUSY);
    assert_string_equal(why.text, "web is stuck: CPU 2 does not answer");
    assert_int_equal(vm_call(vm, 1, inspect, &seen, NULL), STATUS_BUSY);
    assert_int_equal(seen, 0);
    assert_int_equal(vm_call(vm, 0, inspect, &seen, &why), STATUS_OK);
    assert_int_equal(seen, 1);
    fake_host.stuck[2] = false;
}

static enum status must_not_run(struct vm *of, struct reason *reason)
{
    (void)of;
    (void)reason;
    fail();
    return STATUS_OK;
}

static void a_vm_that_is_stuck_is_not_changed(void **state)
{
    (void)state;
    assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
    for (unsigned cpu = 1; cpu <= 2; cpu++) {
        fake_host.stuck[cpu] = true;
        assert_int_equal(vm_on_home_cpu(vm, must_not_run, &why), STATUS_BUSY);
        assert_non_null(strstr(why.text, "web is stuck: CPU "));
        assert_false(vm->held_back);
        fake_host.stuck[cpu] = false;
    }
    assert_int_equal(vm_pause(vm, &why), STATUS_OK);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(calls_run_on_the_vcpus_cpu_in_the_vms_space),
        TEST(a_vm_that_is_off_has_neither),
        TEST(nobody_looks_into_a_vm_that_is_starting),
        TEST(changes_are_made_on_the_home_cpu_while_nothing_is_held),
        TEST(a_cpu_that_does_not_answer_is_named),
        TEST(a_vm_that_is_stuck_is_not_changed),
        TEST(a_ready_terminal_kicks_the_vms_home_cpu),
        TEST(a_ready_terminal_makes_an_awake_vcpu_look_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
