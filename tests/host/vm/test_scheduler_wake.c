// SPDX-License-Identifier: MIT
// Tests of CPUs that wake each other: they are kicked when they must be, and no more often.
#include "vmm/vm/scheduler.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "tests/host/fake_machine.h"
#include "vmm/devices/apic_message.h"
#include "vmm/vm/scheduler_look.h"
#include "vmm/vm/vm_call.h"
#include "vmm/vm/vm_hold.h"
#include "vmm/vm/vm_life.h"

#define US 1000ULL
#define MS (1000 * US)

static struct vm *vm;
static struct reason why;

static int set_up(void **state)
{
    (void)state;
    fake_machine_start_smp(4);
    vm = fake_machine.vm;
    fake_machine_start_processors();
    fake_host.kicks[0] = fake_host.kicks[1] = 0;
    return 0;
}

static struct scheduler *scheduler(unsigned cpu)
{
    return &fake_machine.schedulers[cpu];
}

static void leave(void)
{
    fake_machine_set_current(0, NULL);
    fake_machine_set_current(1, NULL);
}

// Wakes a vCPU that sleeps until something of that urgency comes. 0: it is awake.
static unsigned kicks_by_wake(unsigned from, struct vcpu *vcpu, unsigned sleep)
{
    unsigned cpu = vm->slots[vcpu->index].cpu;
    fake_host.kicks[cpu] = 0;
    fake_host.cpu = from;
    vcpu->core.work = 0;
    vm->slots[vcpu->index].sleep = sleep;
    scheduler_notify(vcpu, WORK_EVENTS, 5);
    fake_host.cpu = 0;
    return fake_host.kicks[cpu];
}

// Another VM has its turn on CPU 1 and may be disturbed.
static void let_another_run(void)
{
    static struct vm other;
    other = (struct vm){.index = 1};
    fake_machine.vmm.vms[1] = &other;
    scheduler(1)->current = scheduler_id(&other, 0);
    scheduler(1)->undisturbed_until_ns = fake_host.now_ns;
    scheduler(1)->virtual_time_ns = scheduler(1)->accounts[0].virtual_time_ns + 1;
}

// ---- Waking ----

static void an_idle_cpu_is_kicked_once_for_each_sleep(void **state)
{
    (void)state;
    scheduler(1)->idle = true;
    assert_int_equal(kicks_by_wake(0, vm->vcpus[1], 5), 1);
    assert_int_equal(vm->slots[1].sleep, 0);
    assert_int_equal(kicks_by_wake(0, vm->vcpus[1], 0), 0); // it has not slept since
    assert_int_equal(kicks_by_wake(0, vm->vcpus[1], 5), 1);
    assert_int_equal(scheduler(1)->accounts[0].woken, BIT(1));
}

static void what_the_vcpu_cannot_take_disturbs_nobody(void **state)
{
    (void)state;
    scheduler(1)->idle = true;
    assert_int_equal(kicks_by_wake(0, vm->vcpus[1], 6), 0);
    assert_int_equal(vm->slots[1].sleep, 6); // it sleeps on
    assert_false(scheduler_has_mail(scheduler(1)));
    scheduler_wake(vm, 1, 6);
    assert_int_equal(fake_host.kicks[1], 1);
}

static void who_runs_is_kicked_once_for_the_same(void **state)
{
    (void)state;
    fake_machine_set_current(1, vm->vcpus[1]);
    vm->vcpus[1]->core.work = 0;
    fake_host.kicks[1] = 0;
    scheduler_notify(vm->vcpus[1], WORK_EVENTS, 5);
    scheduler_notify(vm->vcpus[1], WORK_EVENTS, 5); // not looked at yet
    assert_int_equal(fake_host.kicks[1], 1);
    scheduler_notify(vm->vcpus[1], WORK_STOP, WAKE_ALWAYS);
    assert_int_equal(fake_host.kicks[1], 2);
    leave();
}

static void its_own_cpu_needs_no_kick(void **state)
{
    (void)state;
    fake_machine_set_current(1, vm->vcpus[1]);
    assert_int_equal(kicks_by_wake(1, vm->vcpus[1], 0), 0);
    assert_int_equal(vm->vcpus[1]->core.work, WORK_EVENTS); // the run goes on
    fake_machine_set_current(1, NULL);
    assert_int_equal(kicks_by_wake(1, vm->vcpus[1], 5), 0);
}

static void a_run_is_not_disturbed_in_its_first_part(void **state)
{
    (void)state;
    let_another_run();
    assert_int_equal(kicks_by_wake(0, vm->vcpus[1], 5), 1);
    scheduler(1)->undisturbed_until_ns = fake_host.now_ns + 1;
    assert_int_equal(kicks_by_wake(0, vm->vcpus[1], 5), 0);
    assert_true(scheduler_has_mail(scheduler(1))); // the CPU finds it by itself
    leave();
}

static void who_has_used_up_its_time_disturbs_nobody(void **state)
{
    (void)state;
    let_another_run();
    scheduler(1)->accounts[0].virtual_time_ns = scheduler(1)->virtual_time_ns;
    assert_int_equal(kicks_by_wake(0, vm->vcpus[1], 5), 0);
    assert_true(scheduler_has_mail(scheduler(1)));
    leave();
}

static void on_the_same_cpu_the_other_one_ends_its_run(void **state)
{
    (void)state;
    fake_machine_set_current(0, vm->vcpus[2]);
    vm->vcpus[2]->core.work = 0;
    assert_int_equal(kicks_by_wake(0, vm->vcpus[0], 5), 0);
    assert_int_equal(vm->vcpus[2]->core.work, WORK_YIELD);
    vm->vcpus[2]->core.work = 0;
    assert_int_equal(kicks_by_wake(0, vm->vcpus[0], 0), 0);
    assert_int_equal(vm->vcpus[2]->core.work, 0);
    leave();
}

static void runs_here_means_this_cpu_and_this_vcpu(void **state)
{
    (void)state;
    fake_machine_set_current(1, vm->vcpus[1]);
    assert_false(scheduler_runs_here(vm->vcpus[1])); // CPU 0 asks
    fake_host.cpu = 1;
    assert_true(scheduler_runs_here(vm->vcpus[1]));
    assert_false(scheduler_runs_here(vm->vcpus[3]));
    leave();
    assert_false(scheduler_runs_here(vm->vcpus[1]));
}

static uint32_t seen_current;

static void look_at_current(struct vcpu_core *core)
{
    seen_current = scheduler(fake_host.cpu)->current;
    fake_backend_compute(core);
}

static void the_current_one_is_known_while_it_runs(void **state)
{
    (void)state;
    fake_backend.guest = look_at_current;
    assert_true(fake_machine_step(1, NULL));
    const struct vcpu *ran = vcpu_of(fake_backend.current[1]);

    assert_int_equal(seen_current, scheduler_id(vm, ran->index));
    assert_int_equal(scheduler(1)->current, 0);
}

// ---- What comes while a CPU chooses ----

static void halt(unsigned index, uint64_t interrupts)
{
    struct vcpu *vcpu = vm->vcpus[index];
    fake_host.cpu = vm->slots[index].cpu;
    fake_backend.ops.load_vcpu(&vcpu->core);
    fake_host.host.space_enter(&vm->space);
    vcpu_set_register(vcpu, REG_RFLAGS, RFLAGS_FIXED | interrupts);
    fake_backend_exit(&vcpu->core, (struct vm_exit){.kind = EXIT_HLT});
    scheduler_look_at(vm); // it did not halt in a run, so its CPU does not know
    fake_host.cpu = 0;
}

// The CPU finds the INIT in the mail after it has looked at the VM, so it must look again before it
// idles.
static void a_reset_by_an_init_to_a_halted_vcpu_is_carried_out(void **state)
{
    uint64_t wake_ns = 0;
    (void)state;
    fake_host.now_ns += 1000 * MS; // one is allowed again
    halt(0, RFLAGS_IF);
    halt(2, RFLAGS_IF);
    assert_false(fake_machine_step(0, &wake_ns));
    fake_host.cpu = 1;
    vcpu_mail_message(vm->vcpus[0], &(struct apic_message){.delivery = APIC_INIT});
    fake_host.cpu = 0;
    for (unsigned i = 0; i < 10 && vm->starts == 1; i++) {
        assert_false(fake_machine_step(1, NULL) && vm->reset_requested); // kicked, it releases
        (void)fake_machine_step(0, &wake_ns);
        if (vm->starts == 1) {
            assert_true(wake_ns <= fake_host.now_ns + MS); // and not NEVER_NS
        }
    }
    assert_int_equal(vm->starts, 2);
}

static void the_last_to_sleep_lets_go_of_its_vm(void **state)
{
    uint64_t wake_ns = NEVER_NS;
    (void)state;
    halt(0, 0);
    halt(1, 0);
    halt(2, 0);
    vcpu_mail_message(vm->vcpus[3], &(struct apic_message){.delivery = APIC_INIT});
    vm->vcpus[3]->halted = true; // it slept too; the INIT keeps it from waking
    scheduler_look_at(vm);
    assert_false(fake_machine_step(1, &wake_ns));
    assert_int_equal(vm->state, VM_ENDED);
    assert_true(wake_ns <= fake_host.now_ns); // it looks again at once
    assert_false(fake_machine_step(1, &wake_ns));
    assert_int_equal(wake_ns, NEVER_NS);
    assert_false(vm->slots[1].held || vm->slots[3].held);
}

// ---- Resets that wait for two CPUs ----

static void a_reset_settles_when_both_cpus_have_let_go(void **state)
{
    uint64_t wake_ns = 0;
    (void)state;
    fake_host.now_ns += 1000 * MS;
    fake_host.cpu = 1;
    vm_request_reset(vm); // vCPU 1 writes to a reset port
    fake_host.cpu = 0;
    assert_true(fake_host.kicks[0] > 0);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(vm->vcpus[i]->core.work & WORK_STOP);
    }
    assert_false(fake_machine_step(0, &wake_ns)); // CPU 1 holds two
    assert_int_equal(vm->starts, 1);
    assert_true(wake_ns <= fake_host.now_ns + MS);
    fake_host.kicks[0] = fake_host.kicks[1] = 0;
    assert_false(fake_machine_step(1, NULL));
    assert_int_equal(vm->holders, 0);
    assert_int_equal(fake_host.kicks[0], 1); // the last holder kicks the home CPU
    assert_true(fake_machine_step(0, &wake_ns));
    assert_int_equal(vm->starts, 2);
    assert_false(vm->reset_requested);
    assert_true(fake_host.kicks[1] > 0);
    assert_int_equal(fake_host_logged("[web] reset by itself"), 1);
    assert_false(fake_machine_step(1, NULL)); // its vCPUs wait for their SIPIs
}

static void a_restart_waits_for_the_other_cpu_too(void **state)
{
    uint64_t wake_ns = 0;
    (void)state;
    vm->config.restart = RESTART_ALWAYS;
    fake_host.cpu = 1;
    vm_fail(vm, "a test");
    vm_fail(vm, "another"); // the first of several ends counts
    vm_end(vm, 7, "its own wish");
    fake_host.cpu = 0;
    assert_int_equal(fake_host_logged("[web] stopped: a test"), 1);
    assert_true(vm->failed);
    fake_host.now_ns += 1000 * MS;
    assert_false(fake_machine_step(0, &wake_ns));
    assert_int_equal(vm->starts, 1);
    assert_false(fake_machine_step(1, NULL));
    assert_true(fake_machine_step(0, &wake_ns));
    assert_int_equal(vm->starts, 2);
}

// ---- Changes and looks from CPU 0 ----

static unsigned seen_cpu;
static unsigned looks;

static void look(struct vm *of, void *context)
{
    unsigned index = *(const unsigned *)context;
    looks++;
    seen_cpu = fake_host.cpu;
    assert_ptr_equal(fake_backend.current[fake_host.cpu], vm_vcpu_core(of, index));
    assert_int_equal(fake_host.cr3[fake_host.cpu], of->space.cr3);
}

static void each_vcpu_is_looked_at_on_its_own_cpu(void **state)
{
    (void)state;
    for (unsigned paused = 0; paused < 2; paused++) {
        for (unsigned i = 0; i < 4; i++) {
            looks = 0;
            assert_int_equal(vm_call(vm, i, look, &i, NULL), STATUS_OK);
            assert_int_equal(looks, 1);
            assert_int_equal(seen_cpu, i % 2);
            assert_int_equal(vm->slots[i].held, !paused); // released again if the VM does not run
        }
        if (!paused) {
            assert_int_equal(vm_pause(vm, &why), STATUS_OK);
        }
    }
}

static void nobody_looks_between_two_lives(void **state)
{
    unsigned index = 3;
    (void)state;
    assert_int_equal(fake_machine_vm_stop(vm, &why), STATUS_OK);
    looks = 0;
    assert_int_equal(vm_call(vm, index, look, &index, NULL), STATUS_OK);
    assert_int_equal(looks, 0);
    assert_null(vm_vcpu_core(vm, index));
}

static uint64_t offset_of(unsigned index)
{
    return vm->vcpus[index]->core.backend->registers[REG_TSC_OFFSET];
}

static void run_all(void)
{
    for (unsigned i = 0; i < 2; i++) { // each CPU has two
        assert_true(fake_machine_step(0, NULL));
        assert_true(fake_machine_step(1, NULL));
    }
}

static void a_pause_moves_the_tscs_of_all_alike(void **state)
{
    uint64_t before = offset_of(0);
    (void)state;
    for (unsigned i = 1; i < 4; i++) {
        assert_int_equal(offset_of(i), before);
    }
    assert_int_equal(vm_pause(vm, &why), STATUS_OK);
    fake_host.now_ns += 500 * MS;
    assert_int_equal(vm_resume(vm, &why), STATUS_OK);
    run_all();
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(offset_of(i), before - 500 * MS * fake_host.tsc_ghz);
    }
}

static void a_write_to_one_tsc_leaves_the_others(void **state)
{
    uint64_t before = offset_of(0);
    struct vcpu *vcpu = vm->vcpus[1];
    (void)state;
    fake_host.cpu = 1;
    fake_backend.ops.load_vcpu(&vcpu->core);
    fake_host.host.space_enter(&vm->space);
    vcpu->core.registers.gpr[GPR_RCX] = 0x10; // IA32_TIME_STAMP_COUNTER
    vcpu->core.registers.gpr[GPR_RAX] = 5000;
    vcpu->core.registers.gpr[GPR_RDX] = 0;
    fake_backend_exit(&vcpu->core, (struct vm_exit){.kind = EXIT_WRITE_MSR});
    fake_host.cpu = 0;
    uint64_t written = offset_of(1);

    assert_int_equal(written, 5000 - fake_host.now_ns * fake_host.tsc_ghz);
    run_all();
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(offset_of(i), i == 1 ? written : before);
    }
    assert_int_equal(vm_pause(vm, &why), STATUS_OK); // tsc_adjust stays as it is
    fake_host.now_ns += 500 * MS;
    assert_int_equal(vm_resume(vm, &why), STATUS_OK);
    run_all();
    assert_int_equal(offset_of(1) - offset_of(0), written - before);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_idle_cpu_is_kicked_once_for_each_sleep),
        TEST(what_the_vcpu_cannot_take_disturbs_nobody),
        TEST(who_runs_is_kicked_once_for_the_same),
        TEST(its_own_cpu_needs_no_kick),
        TEST(a_run_is_not_disturbed_in_its_first_part),
        TEST(who_has_used_up_its_time_disturbs_nobody),
        TEST(on_the_same_cpu_the_other_one_ends_its_run),
        TEST(runs_here_means_this_cpu_and_this_vcpu),
        TEST(the_current_one_is_known_while_it_runs),
        TEST(a_reset_by_an_init_to_a_halted_vcpu_is_carried_out),
        TEST(the_last_to_sleep_lets_go_of_its_vm),
        TEST(a_reset_settles_when_both_cpus_have_let_go),
        TEST(a_restart_waits_for_the_other_cpu_too),
        TEST(each_vcpu_is_looked_at_on_its_own_cpu),
        TEST(nobody_looks_between_two_lives),
        TEST(a_pause_moves_the_tscs_of_all_alike),
        TEST(a_write_to_one_tsc_leaves_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
