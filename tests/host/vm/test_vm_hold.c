// SPDX-License-Identifier: MIT
// Tests of which CPU may touch a VM's vCPUs: two CPUs run them, and the home CPU wants to seize
// them.
#include "vmm/vm/vm_hold.h"
#include "vmm/vm/vm_life.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/host/fake_machine.h"

#define MS 1000000ULL

static struct vm *vm;
static struct reason why;

static int set_up(void **state)
{
    (void)state;
    fake_machine_start_smp(4);
    vm = fake_machine.vm;
    why.text[0] = '\0';
    return 0;
}

static bool hold_on(unsigned cpu, unsigned index)
{
    fake_host.cpu = cpu;
    bool held = vm_hold(vm, index);

    if (held) {
        fake_host.host.space_enter(&vm->space);
        fake_backend.ops.load_vcpu(&vm->vcpus[index]->core);
    }
    fake_host.cpu = 0;
    return held;
}

static void release_on(unsigned cpu, unsigned index)
{
    fake_host.cpu = cpu;
    vm_release(vm, index);
    fake_host.cpu = 0;
}

// ---- Holding ----

static void a_new_vm_is_held_by_nobody(void **state)
{
    (void)state;
    assert_int_equal(vm->holders, 0);
    for (unsigned i = 0; i < 4; i++) {
        assert_false(vm->slots[i].held);
        assert_int_equal(vm->slots[i].cpu, i % 2);
    }
}

static void each_vcpu_is_held_once(void **state)
{
    (void)state;
    assert_true(hold_on(0, 0));
    assert_true(hold_on(0, 0)); // CPU 0 holds it already
    assert_int_equal(vm->holders, 1);
    assert_true(hold_on(1, 3));
    assert_true(hold_on(1, 1));
    assert_int_equal(vm->holders, 3);
    release_on(1, 3);
    assert_false(vm->slots[3].held);
    assert_true(vm->slots[1].held);
    assert_int_equal(vm->holders, 2);
}

static void nobody_gets_one_while_it_is_seized(void **state)
{
    (void)state;
    assert_true(vm_seize(vm));
    assert_true(vm_seize(vm)); // the VM is seized already
    assert_false(hold_on(0, 0));
    assert_false(hold_on(1, 1));
    assert_int_equal(fake_host.cr3[1], 0);
    vm_unseize(vm);
    assert_true(hold_on(1, 1));
}

static void it_is_not_seized_while_one_is_held(void **state)
{
    (void)state;
    assert_true(hold_on(0, 2));
    assert_true(hold_on(1, 1));
    assert_false(vm_seize(vm));
    release_on(0, 2);
    assert_false(vm_seize(vm));
    release_on(1, 1);
    assert_true(vm_seize(vm));
    vm_unseize(vm);
}

static void a_vm_that_is_off_cannot_be_held(void **state)
{
    struct vm *off = fake_machine_add_smp("off", 2, BIT(0) | BIT(1));
    (void)state;
    assert_false(vm_hold(off, 0));
    assert_false(vm_hold(off, 1));
    assert_true(vm_seize(off));
}

// ---- Releasing ----

static void (*unload)(struct vcpu_core *vcpu);
static unsigned unloads;

static void watched_unload(struct vcpu_core *vcpu)
{
    struct vm *of = vcpu_of(vcpu)->vm;
    assert_int_equal(fake_host.cr3[fake_host.cpu], 0); // the space is left first
    assert_true(of->slots[vcpu_of(vcpu)->index].held); // no other CPU may have it yet
    assert_true(of->holders > 0);
    unloads++;
    unload(vcpu);
}

static void what_is_released_is_out_of_the_cpu(void **state)
{
    (void)state;
    unload = fake_backend.ops.unload_vcpu;
    fake_backend.ops.unload_vcpu = watched_unload;
    unloads = 0;
    assert_true(hold_on(1, 1));
    assert_true(vm->vcpus[1]->core.backend->in_cpu);
    release_on(1, 1);
    assert_int_equal(unloads, 1);
    assert_false(vm->vcpus[1]->core.backend->in_cpu);
    fake_backend.ops.unload_vcpu = unload;
}

static void the_last_of_another_cpu_kicks_the_home_cpu(void **state)
{
    (void)state;
    assert_true(hold_on(1, 1));
    assert_true(hold_on(1, 3));
    fake_machine.schedulers[0].changed = 0;
    release_on(1, 1);
    assert_int_equal(fake_host.kicks[0], 0);
    release_on(1, 3);
    assert_int_equal(fake_host.kicks[0], 1);
    assert_true(hold_on(0, 0));
    fake_machine.schedulers[0].changed = 0;
    release_on(0, 0); // the home CPU itself, so no kick
    assert_int_equal(fake_host.kicks[0], 1);
}

static void a_cpu_releases_its_own_only(void **state)
{
    (void)state;
    assert_true(hold_on(0, 0));
    for (unsigned i = 1; i < 4; i += 2) {
        assert_true(hold_on(1, i));
    }
    fake_host.cpu = 1;
    vm_release_here(vm);
    vm_release_here(vm); // there is nothing left to release
    assert_int_equal(vm->holders, 1);
    assert_true(vm->slots[0].held);
    assert_false(vm->slots[1].held || vm->slots[3].held);
}

// ---- The monitor's changes while both CPUs hold vCPUs ----

static void run_both_cpus(void)
{
    fake_machine_start_processors();
    assert_int_equal(vm->holders, 4);
}

static void a_pause_takes_all_from_both_cpus(void **state)
{
    (void)state;
    run_both_cpus();
    fake_host.kicks[1] = 0;
    assert_int_equal(vm_pause(vm, &why), STATUS_OK);
    assert_int_equal(vm->holders, 0);
    assert_int_equal(fake_host.kicks[1], 1); // once, for both of its vCPUs
    assert_false(fake_machine_step(0, NULL));
    assert_false(fake_machine_step(1, NULL));
    assert_int_equal(vm->holders, 0);
    assert_int_equal(vm_resume(vm, &why), STATUS_OK);
    assert_true(fake_machine_step(1, NULL));
    assert_true(fake_machine_step(0, NULL));
    assert_int_equal(vm->holders, 4);
}

static void a_stop_takes_all_before_it_destroys(void **state)
{
    (void)state;
    run_both_cpus();
    assert_int_equal(fake_host.cr3[1], vm->space.cr3);
    assert_int_equal(fake_machine_vm_stop(vm, &why), STATUS_OK); // the fakes see to the order
    assert_int_equal(fake_backend.live_vcpus, 0);
    assert_int_equal(fake_host.live_spaces, 0);
    assert_false(fake_machine_step(1, NULL));
    assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
    run_both_cpus();
}

static void a_reset_from_cpu_0_starts_all_anew(void **state)
{
    (void)state;
    run_both_cpus();
    assert_int_equal(fake_machine_vm_reset(vm, &why), STATUS_OK);
    assert_int_equal(vm->starts, 2);
    assert_int_equal(vm->holders, 0);
    assert_false(fake_machine_step(1, NULL)); // they wait for their SIPIs again
    run_both_cpus();
}

static void a_thousand_lives_leak_nothing(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        run_both_cpus();
        assert_int_equal(i % 2 ? fake_machine_vm_reset(vm, &why) : fake_machine_vm_stop(vm, &why),
                         STATUS_OK);
        if (vm->state == VM_OFF) {
            assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
        }
        assert_int_equal(fake_backend.live_vcpus, 4);
        assert_int_equal(fake_host.live_spaces, 1);
    }
}

// ---- Real threads ----

#define THREADS 3
#define ROUNDS 20000

struct worker {
    struct vm *vm;
    unsigned index;
    unsigned held;
};

static uint32_t inside; // atomic: how many workers hold their vCPU now

static void no_space(const struct host_space *space)
{
    (void)space;
}

static void no_unload(struct vcpu_core *vcpu)
{
    (void)vcpu;
    __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
}

static void no_kick(unsigned cpu)
{
    (void)cpu;
}

static void *hold_and_release(void *argument)
{
    struct worker *worker = argument;
    for (unsigned i = 0; i < ROUNDS || worker->held == 0; i++) {
        if (vm_hold(worker->vm, worker->index)) {
            __atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);
            worker->held++;
            vm_release(worker->vm, worker->index);
        }
    }
    return NULL;
}

static void seizing_excludes_all_holders(void **state)
{
    static struct vm shared;
    static struct vcpu vcpus[THREADS];
    static struct scheduler schedulers[THREADS + 1];
    struct host host = fake_host.host;
    struct vcpu_ops ops = {.unload_vcpu = no_unload};
    struct vmm vmm = {.host = &host, .ops = &ops};
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    unsigned seized = 0;
    (void)state;
    host.space_enter = no_space;
    host.kick = no_kick;
    shared.vmm = &vmm;
    scheduler_init(&schedulers[0], &vmm, 0);
    inside = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        shared.vcpus[i] = &vcpus[i];
        shared.slots[i].cpu = i + 1;
        scheduler_init(&schedulers[i + 1], &vmm, i + 1);
        workers[i] = (struct worker){.vm = &shared, .index = i};
        assert_int_equal(pthread_create(&threads[i], NULL, hold_and_release, &workers[i]), 0);
    }
    for (unsigned i = 0; i < ROUNDS || seized == 0; i++) {
        if (vm_seize(&shared)) {
            seized++;
            assert_int_equal(__atomic_load_n(&inside, __ATOMIC_SEQ_CST), 0);
            vm_unseize(&shared);
        }
    }
    unsigned held = 0;

    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        held += workers[i].held;
    }
    assert_true(held >= THREADS);
    assert_int_equal(shared.holders, 0);
    assert_int_equal(inside, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_vm_is_held_by_nobody),
        TEST(each_vcpu_is_held_once),
        TEST(nobody_gets_one_while_it_is_seized),
        TEST(it_is_not_seized_while_one_is_held),
        TEST(a_vm_that_is_off_cannot_be_held),
        TEST(what_is_released_is_out_of_the_cpu),
        TEST(the_last_of_another_cpu_kicks_the_home_cpu),
        TEST(a_cpu_releases_its_own_only),
        TEST(a_pause_takes_all_from_both_cpus),
        TEST(a_stop_takes_all_before_it_destroys),
        TEST(a_reset_from_cpu_0_starts_all_anew),
        TEST(a_thousand_lives_leak_nothing),
        TEST(seizing_excludes_all_holders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
