// SPDX-License-Identifier: MIT
// Tests of what VMs get of a CPU: by their shares, whatever the number of their vCPUs. All time is
// charged to somebody.
#include "vmm/vm/scheduler_account.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "tests/host/fake_machine.h"
#include "vmm/vm/house.h"
#include "vmm/vm/scheduler_step.h"

#define US 1000ULL
#define MS (1000 * US)

static int set_up(void **state)
{
    (void)state;
    fake_machine_init();
    fake_backend.guest = fake_backend_compute;
    return 0;
}

static struct scheduler *cpu0(void)
{
    return &fake_machine.schedulers[0];
}

// A VM whose vCPUs all compute on CPU 0.
static struct vm *start(const char *name, unsigned vcpus, unsigned share)
{
    struct reason why = {""};
    struct vm *vm = fake_machine_add_smp(name, vcpus, BIT(0));
    vm->config.share = share;
    assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
    for (unsigned i = 1; i < vcpus; i++) {
        vm->vcpus[i]->waits_for_startup = false;
    }
    return vm;
}

static void run_for(uint64_t ns)
{
    uint64_t end_ns = fake_host.now_ns + ns;
    uint64_t wake_ns;
    while (fake_host.now_ns < end_ns) {
        assert_true(scheduler_step(cpu0(), NEVER_NS, &wake_ns));
    }
}

static uint64_t used_ns(const struct vm *vm)
{
    return cpu0()->accounts[vm->index].used_ns;
}

// ---- Shares ----

static void a_vm_with_many_vcpus_gets_no_more(void **state)
{
    (void)state;
    struct vm *small = start("small", 1, 100);
    struct vm *large = start("large", 64, 100);

    run_for(1000 * MS);
    assert_in_range(used_ns(small), 490 * MS, 510 * MS);
    assert_in_range(used_ns(large), 490 * MS, 510 * MS);
    for (unsigned i = 0; i < 64; i++) { // they divide it
        assert_in_range(large->vcpus[i]->run_ns, 5 * MS, 10 * MS);
    }
}

static void a_vm_gets_what_its_share_says(void **state)
{
    (void)state;
    struct vm *half = start("half", 1, 50);
    struct vm *usual = start("usual", 1, 100);
    struct vm *twice = start("twice", 2, 250);

    run_for(1600 * MS);
    assert_in_range(used_ns(half), 190 * MS, 210 * MS);
    assert_in_range(used_ns(usual), 390 * MS, 410 * MS);
    assert_in_range(used_ns(twice), 990 * MS, 1010 * MS);
}

static void the_share_is_100_if_nobody_says(void **state)
{
    (void)state;
    assert_int_equal(fake_machine_add("web")->config.share, 100);
}

// Beside one other VM, a VM waits for two slices at most: one that the other has saved, and one.
static uint64_t ended_ns[2];
static uint64_t gap_worst_ns;

static void note_gap(struct vcpu_core *core)
{
    unsigned i = vcpu_of(core)->vm->index;
    gap_worst_ns = MAX(gap_worst_ns, fake_host.now_ns - ended_ns[i]);
    fake_backend_compute(core);
    ended_ns[i] = fake_host.now_ns;
}

static void nobody_waits_longer_than_two_slices_of_another(void **state)
{
    (void)state;
    fake_backend.guest = note_gap;
    start("first", 1, 100);
    ended_ns[0] = ended_ns[1] = fake_host.now_ns;
    gap_worst_ns = 0;
    run_for(100 * MS);
    start("second", 3, 100);
    ended_ns[1] = fake_host.now_ns;
    run_for(1000 * MS);
    assert_in_range(gap_worst_ns, SCHEDULER_SLICE_NS, 2 * SCHEDULER_SLICE_NS + 100 * US);
}

// ---- Charges ----

static void all_time_is_charged(void **state)
{
    (void)state;
    uint64_t begin_ns = fake_host.now_ns;
    struct vm *a = start("a", 2, 100);
    struct vm *b = start("b", 1, 300);

    run_for(20 * MS);
    fake_host.now_ns += 3 * MS;
    assert_int_equal(scheduler_charge_house(cpu0()), 3 * MS);
    fake_host.now_ns += 4 * MS;
    scheduler_charge_idle(cpu0());
    run_for(20 * MS);
    assert_int_equal(used_ns(a) + used_ns(b), cpu0()->busy_ns);
    assert_int_equal(cpu0()->idle_ns, 4 * MS);
    assert_int_equal(cpu0()->busy_ns + cpu0()->house_ns + cpu0()->idle_ns,
                     fake_host.now_ns - begin_ns);
}

// A VM that ends the run of another by a wake-up pays for the run's end and the new beginning.
static void who_kicks_pays(void **state)
{
    (void)state;
    struct vm *hog = start("hog", 1, 100);
    struct vm *waker = start("waker", 1, 100);

    scheduler_begin_slice(cpu0(), hog, 0);
    fake_host.now_ns += MS;
    scheduler_charge_vm(cpu0(), hog);
    uint64_t hog_ns = used_ns(hog);
    uint64_t waker_ns = used_ns(waker);

    cpu0()->turn_ns = 3 * US;
    scheduler_charge_kick(cpu0(), waker);
    assert_int_equal(used_ns(hog), hog_ns - 3 * US);
    assert_int_equal(used_ns(waker), waker_ns + 3 * US);
    scheduler_charge_kick(cpu0(), hog); // its own run
    assert_int_equal(used_ns(hog), hog_ns - 3 * US);
    cpu0()->turn_ns = 10 * MS;
    scheduler_charge_kick(cpu0(), waker);
    assert_int_equal(used_ns(hog), hog_ns - MS); // nobody gets more back than it used
    scheduler_end_slice(cpu0());
    scheduler_charge_kick(cpu0(), waker); // nobody had a run
    assert_int_equal(used_ns(waker), waker_ns + MS);
}

// ---- What sleeps costs nothing ----

#define SLEEPING_VMS 15

static uint64_t (*fake_now_ns)(void);
static unsigned looks; // at the clock

static uint64_t count_looks(void)
{
    looks++;
    return fake_now_ns();
}

// A VM with 64 vCPUs that have halted with interrupts off, but for the last one.
static struct vm *start_asleep(const char *name)
{
    struct vm *vm = start(name, 64, 100);
    for (unsigned i = 0; i < 64; i++) {
        vm->vcpus[i]->halted = true;
        vm->vcpus[i]->asleep = i < 63;
    }
    return vm;
}

static unsigned looks_of_slices(void)
{
    looks = 0;
    run_for(100 * MS);
    return looks;
}

static void a_thousand_sleepers_change_nothing(void **state)
{
    (void)state;
    struct vm *hog = start("hog", 1, 100);

    fake_now_ns = fake_host.host.now_ns;
    fake_host.host.now_ns = count_looks;
    start_asleep("first");
    run_for(10 * MS);
    unsigned few = looks_of_slices();

    for (unsigned i = 1; i < SLEEPING_VMS; i++) {
        char name[] = {'v', (char)('a' + i), '\0'};

        start_asleep(name);
    }
    run_for(10 * MS);
    uint64_t before_ns = used_ns(hog);

    assert_in_range(looks_of_slices(), few - 2, few + 2); // the runs before ended somewhere
    assert_int_equal(used_ns(hog) - before_ns, 100 * MS);
    fake_host.host.now_ns = fake_now_ns;
}

// ---- Husk's own work ----

static void the_house_has_its_turn_at_once_on_an_idle_cpu(void **state)
{
    struct house house = {0};
    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        assert_true(house_may_turn(&house, cpu0()));
        fake_host.now_ns += MS;
        house_end_turn(&house, cpu0(), fake_host.now_ns);
    }
    assert_int_equal(cpu0()->house_ns, 10 * MS);
    house_end_turn(&house, cpu0(), fake_host.now_ns + MS);
    assert_false(house_may_turn(&house, cpu0())); // it wants none yet
    fake_host.now_ns += MS;
    assert_true(house_may_turn(&house, cpu0()));
}

static void the_house_takes_its_part_beside_guests(void **state)
{
    struct house house = {0};
    uint64_t begin_ns = fake_host.now_ns;
    uint64_t wake_ns;
    (void)state;
    struct vm *vm = start("hog", 1, 100);

    while (fake_host.now_ns < begin_ns + 1000 * MS) {
        if (house_may_turn(&house, cpu0())) {
            fake_host.now_ns += 700 * US;
            house_end_turn(&house, cpu0(), 0); // it always wants the CPU
        }
        assert_true(scheduler_step(cpu0(), house_next_ns(&house), &wake_ns));
    }
    assert_in_range(cpu0()->house_ns, 1000 * MS / HOUSE_PARTS - 2 * MS,
                    1000 * MS / HOUSE_PARTS + 2 * MS);
    assert_true(used_ns(vm) > 950 * MS);
}

static void the_house_waits_50_ms_at_most(void **state)
{
    struct house house = {0};
    (void)state;
    fake_host.now_ns += 1000 * MS; // a long command
    house_end_turn(&house, cpu0(), 0);
    assert_true(house_next_ns(&house) - fake_host.now_ns < 50 * MS);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_vm_with_many_vcpus_gets_no_more),
        TEST(a_vm_gets_what_its_share_says),
        TEST(the_share_is_100_if_nobody_says),
        TEST(nobody_waits_longer_than_two_slices_of_another),
        TEST(all_time_is_charged),
        TEST(who_kicks_pays),
        TEST(a_thousand_sleepers_change_nothing),
        TEST(the_house_has_its_turn_at_once_on_an_idle_cpu),
        TEST(the_house_takes_its_part_beside_guests),
        TEST(the_house_waits_50_ms_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
