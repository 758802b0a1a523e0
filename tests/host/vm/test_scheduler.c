// SPDX-License-Identifier: MIT
// Tests of how one CPU is shared: fairness, short latency after waking, no starvation, deadlines.
#include "vmm/vm/scheduler.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "tests/host/fake_machine.h"
#include "vmm/devices/apic_message.h"
#include "vmm/devices/lapic_timer.h"
#include "vmm/util/string.h"
#include "vmm/vcpu/vcpu_apic.h"
#include "vmm/vm/scheduler_account.h"
#include "vmm/vm/scheduler_look.h"
#include "vmm/vm/scheduler_step.h"
#include "vmm/vm/vm_create.h"
#include "vmm/vm/vm_life.h"

#define US 1000ULL
#define MS (1000 * US)
#define OVERHEAD_NS (2 * US) // what the host itself needs for each step

static struct vm *start(const char *name)
{
    struct reason why = {""};
    struct vm *vm = fake_machine_add(name);
    assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
    fake_backend.ops.load_vcpu(&vm->vcpus[0]->core);
    return vm;
}

static int set_up(void **state)
{
    (void)state;
    fake_machine_init();
    return 0;
}

static struct scheduler *cpu0(void)
{
    return &fake_machine.schedulers[0];
}

// One round of kernel_main's loop: a step, the loop's own time, and the idle wait.
static bool step(void)
{
    uint64_t wake_ns = 0;
    bool ran = scheduler_step(cpu0(), NEVER_NS, &wake_ns);
    fake_host.now_ns += OVERHEAD_NS;
    if (!ran && wake_ns != NEVER_NS) {
        fake_host.now_ns = MAX(fake_host.now_ns, wake_ns);
    }
    return ran;
}

static void run_for(uint64_t ns)
{
    uint64_t end_ns = fake_host.now_ns + ns;
    while (fake_host.now_ns < end_ns) {
        (void)step();
    }
}

static uint64_t run_time(const struct vm *vm)
{
    return vm->vcpus[0]->run_ns;
}

static struct vm *current(void)
{
    return vcpu_of(*fake_backend_current())->vm;
}

// ---- Guests ----

static uint64_t latency_worst_ns;
static uint64_t woken;

// A guest that works `work_ns` after each interrupt, then halts until the next one.
static void sleep_between_ticks(struct vcpu_core *core, uint64_t work_ns)
{
    struct vcpu *vcpu = vcpu_of(core);
    struct lapic *lapic = &vcpu->lapic;
    if (!(core->backend->registers[REG_RFLAGS] & RFLAGS_IF)) { // in the handler
        uint64_t due_ns = lapic_next_event_ns(lapic) - MS + vcpu->vm->clock_base_ns;

        latency_worst_ns = MAX(latency_worst_ns, fake_host.now_ns - due_ns);
        woken++;
        fake_host.now_ns += work_ns;
        lapic_eoi(lapic);
        core->backend->registers[REG_RFLAGS] |= RFLAGS_IF;
    }
    fake_backend_exit(core, (struct vm_exit){.kind = EXIT_HLT});
}

// The VM's name decides what the guest does: a hog computes, others sleep.
static void guest(struct vcpu_core *core)
{
    if (vcpu_of(core)->vm->config.name[0] == 'h') {
        fake_backend_compute(core);
    } else {
        sleep_between_ticks(core, 20 * US);
    }
}

// A VM with a local APIC timer of that period.
static struct vm *start_with_timer(const char *name, uint32_t period_ns, uint32_t masked)
{
    struct vm *vm = start(name);
    struct vcpu *vcpu = vm->vcpus[0];
    assert_true(vcpu_write_lapic(vcpu, LAPIC_DIVIDE, 0xb));
    assert_true(vcpu_write_lapic(vcpu, LAPIC_LVT_TIMER, 1U << 17 | masked << 16 | 0x40));
    assert_true(vcpu_write_lapic(vcpu, LAPIC_INITIAL_COUNT, period_ns));
    vcpu_set_register(vcpu, REG_RFLAGS, RFLAGS_FIXED | RFLAGS_IF);
    return vm;
}

// ---- Choosing ----

static void an_empty_machine_sleeps(void **state)
{
    uint64_t wake_ns = 0;
    (void)state;
    assert_false(scheduler_step(cpu0(), NEVER_NS, &wake_ns));
    assert_int_equal(wake_ns, NEVER_NS);
}

static void vms_that_are_off_do_not_run(void **state)
{
    (void)state;
    fake_machine_add("hog");
    assert_false(step());
}

static void vms_of_other_cpus_do_not_run_here(void **state)
{
    struct vm_config config = {.name = "there",
                               .memory_bytes = FAKE_VM_BYTES,
                               .vcpus = 1,
                               .pinned = true,
                               .cpus = {BIT(1)}};
    struct reason why;
    struct vm *vm;
    (void)state;
    fake_backend.guest = guest;
    struct vm *here = start("hog");

    assert_int_equal(vm_create(&fake_machine.vmm, &config, &vm, &why), STATUS_OK);
    assert_true(vm_add_payload(vm, &here->payloads[0]));
    assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
    run_for(100 * MS);
    assert_int_equal(run_time(vm), 0);
    assert_true(fake_machine_step(1, NULL));
    assert_true(run_time(vm) > 0);
}

// Before a power-off virtualisation is switched off: then no VM runs, and none is restarted.
static void a_cpu_that_runs_no_guests_schedules_nothing(void **state)
{
    uint64_t wake_ns = 0;
    (void)state;
    fake_backend.guest = guest;
    struct vm *hog = start("hog");
    struct vm *ended = start("ended");

    ended->config.restart = RESTART_ALWAYS;
    vm_fail(ended, "a test");
    fake_host.now_ns += 10000 * MS;
    fake_machine.vmm.runs_guests[0] = false;
    assert_false(scheduler_step(cpu0(), NEVER_NS, &wake_ns));
    assert_int_equal(wake_ns, NEVER_NS);
    assert_int_equal(run_time(hog), 0);
    assert_int_equal(ended->state, VM_ENDED);
    fake_machine.vmm.runs_guests[0] = true;
    run_for(20 * MS);
    assert_int_equal(ended->starts, 2);
}

static void one_alone_runs_all_the_time(void **state)
{
    (void)state;
    fake_backend.guest = guest;
    struct vm *hog = start("hog");

    run_for(1000 * MS);
    assert_in_range(run_time(hog), 998 * MS, 1000 * MS);
    assert_int_equal(run_time(hog), cpu0()->busy_ns);
    assert_int_equal(fake_host.cr3[0], hog->space.cr3);
}

// The time that a start needs is not taken for what the scheduler itself needs between two runs.
static void a_start_beside_a_hog_makes_no_run_longer(void **state)
{
    struct reason why;
    (void)state;
    fake_backend.guest = guest;
    start("hog");
    fake_host.zero_ns_per_kib = 8 * US;
    struct vm *other = fake_machine_add("h2");

    assert_int_equal(vm_start(other, &why), STATUS_OK);
    while (vm_is_in_work(other)) {
        (void)step();
        assert_true(cpu0()->turn_ns <= 2 * OVERHEAD_NS);
    }
    assert_true(other->build_ns > 10 * MS);
}

static void hogs_share_equally(void **state)
{
    static const char *const names[] = {"h1", "h2", "h3", "h4", "h5"};
    struct vm *vms[ARRAY_SIZE(names)];
    (void)state;
    fake_backend.guest = guest;
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        vms[i] = start(names[i]);
    }
    run_for(1000 * MS);
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        assert_in_range(run_time(vms[i]), 180 * MS, 220 * MS);
    }
}

static void a_slice_is_no_longer_than_it_should_be(void **state)
{
    (void)state;
    fake_backend.guest = guest;
    start("h1");
    start("h2");
    for (unsigned i = 0; i < 100; i++) {
        uint64_t start_ns = fake_host.now_ns;

        assert_true(step());
        assert_in_range(fake_host.now_ns - start_ns, 1, SCHEDULER_SLICE_NS + OVERHEAD_NS);
    }
}

// ---- Sleepers among hogs ----

static void a_sleeper_wakes_soon_beside_a_hog(void **state)
{
    (void)state;
    fake_backend.guest = guest;
    latency_worst_ns = woken = 0;
    struct vm *hog = start("hog");

    start_with_timer("sleeper", MS, false);
    run_for(2000 * MS);
    assert_in_range(woken, 1980, 2000);
    assert_true(latency_worst_ns < 200 * US);
    assert_true(run_time(hog) > 1900 * MS); // the hog keeps the time that the sleeper leaves
}

static void sleepers_keep_their_pace_beside_a_hog(void **state)
{
    (void)state;
    fake_backend.guest = guest;
    latency_worst_ns = woken = 0;
    struct vm *hog = start("hog");

    start_with_timer("a", MS, false);
    start_with_timer("b", MS, false);
    start_with_timer("c", MS, false);
    run_for(1000 * MS);
    assert_in_range(woken, 3 * 985, 3 * 1000);
    assert_true(latency_worst_ns < 300 * US);
    assert_true(run_time(hog) > 880 * MS);
}

// After a long sleep a VM does not get the CPU for as long as it slept.
static void sleeping_saves_up_no_more_than_a_slice(void **state)
{
    (void)state;
    fake_backend.guest = guest;
    struct vm *sleeper = start_with_timer("late", 4000 * MS, false);

    assert_true(step()); // it halts
    struct vm *hog = start("hog");

    run_for(3000 * MS);
    text_copy(sleeper->config.name, sizeof(sleeper->config.name), "h-late"); // from now on a hog
    vcpu_mail_message(sleeper->vcpus[0], &(struct apic_message){.delivery = APIC_NMI});
    uint64_t slept = run_time(sleeper);
    uint64_t before = run_time(hog);

    run_for(200 * MS);
    assert_in_range(run_time(sleeper) - slept, 90 * MS, 125 * MS);
    assert_in_range(run_time(hog) - before, 75 * MS, 110 * MS);
}

static void a_vm_that_starts_late_does_not_catch_up(void **state)
{
    (void)state;
    fake_backend.guest = guest;
    struct vm *old = start("h1");

    run_for(5000 * MS);
    struct vm *young = start("h2");
    uint64_t before = run_time(old);

    run_for(200 * MS);
    assert_in_range(run_time(young), 90 * MS, 125 * MS);
    assert_in_range(run_time(old) - before, 75 * MS, 110 * MS);
}

// ---- Guests that mean harm ----

static void a_storm_of_interrupts_takes_its_own_time_only(void **state)
{
    (void)state;
    fake_backend.guest = guest;
    struct vm *hog = start("hog");

    start_with_timer("fiend", 50, false);
    run_for(1000 * MS);
    assert_true(run_time(hog) > 450 * MS);
}

// A guest that does nothing but ask for resets.
static void reset_at_once(struct vcpu_core *core)
{
    struct vm *vm = vcpu_of(core)->vm;
    if (vm->config.name[0] == 'h') {
        fake_backend_compute(core);
        return;
    }
    fake_host.now_ns += 10 * US;
    vm_request_reset(vm);
}

static void resetting_all_the_time_starves_nobody(void **state)
{
    (void)state;
    fake_backend.guest = reset_at_once;
    struct vm *hog = start("hog");
    struct vm *fiend = start("fiend");

    run_for(1000 * MS);
    assert_in_range(fiend->starts, 9, 11);
    assert_true(run_time(hog) > 990 * MS);
    assert_in_range(fake_host_logged("[fiend] reset by itself"), 8, 10);
}

// From now on each start takes about that time of its CPU.
static void slow_down_starts(uint64_t ns)
{
    fake_host.zero_ns_per_kib = ns / (FAKE_VM_BYTES / KIB);
}

static void reset_later(struct vcpu_core *core)
{
    if (fake_host.now_ns < 1500 * MS || fake_host_logged("reset by itself") > 0) {
        fake_backend_compute(core);
    } else {
        reset_at_once(core);
    }
}

// When the reset begins, nothing is written to the VM's memory, which this CPU has left.
static void a_guest_that_counts_steal_time_can_reset(void **state)
{
    (void)state;
    fake_backend.guest = reset_later;
    struct vm *vm = start("fiend");
    vm->vcpus[0]->paravirt.steal_time = 0x1000 | 1;
    run_for(1000 * MS);
    assert_int_equal(fake_host_logged("[fiend] reset by itself"), 1);
}

// A reset with much memory takes the host long. The VM pays for that time.
static void slow_resets_starve_nobody(void **state)
{
    (void)state;
    fake_backend.guest = reset_at_once;
    struct vm *hog = start("hog");
    struct vm *fiend = start("fiend");

    slow_down_starts(50 * MS);
    run_for(5000 * MS);
    assert_in_range(fiend->starts, 8, 10); // each start waits for its share of the CPU
    assert_true(run_time(hog) > 4400 * MS);
    assert_true(cpu0()->accounts[fiend->index].used_ns > 400 * MS);
}

static void end_at_once(struct vcpu_core *core)
{
    struct vm *vm = vcpu_of(core)->vm;
    if (vm->config.name[0] == 'h') {
        fake_backend_compute(core);
        return;
    }
    fake_host.now_ns += 10 * US;
    vm_end(vm, 1, "a test");
}

// The same for restarts: a VM gains nothing by ending at once instead of resetting.
static void slow_restarts_starve_nobody(void **state)
{
    (void)state;
    fake_backend.guest = end_at_once;
    struct vm *hog = start("hog");
    struct vm *fiend = start("fiend");

    fiend->config.restart = RESTART_ALWAYS;
    slow_down_starts(2000 * MS);
    run_for(40000 * MS);
    assert_in_range(fiend->starts, 3, 4);
    assert_true(run_time(hog) > 33000 * MS);
}

// ---- Wakes from other CPUs ----

static struct vcpu *sleeper;
static bool kicked;
static unsigned storm_posts;

static void take_kick(unsigned cpu)
{
    assert_int_equal(cpu, 0);
    kicked = true;
}

// Two vCPUs on CPU 0 that have halted with interrupts off, both of one VM.
static void start_sleepers(void)
{
    struct vm_config config = {.name = "sleepers",
                               .memory_bytes = FAKE_VM_BYTES,
                               .vcpus = 2,
                               .pinned = true,
                               .cpus = {BIT(0)}};
    struct reason why;
    struct vm *vm;
    assert_int_equal(vm_create(&fake_machine.vmm, &config, &vm, &why), STATUS_OK);
    assert_true(vm_add_payload(vm, &fake_machine.vmm.vms[0]->payloads[0]));
    assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
    vm->vcpus[0]->halted = vm->vcpus[0]->asleep = true;
    vm->vcpus[1]->waits_for_startup = false;
    vm->vcpus[1]->halted = true;
    sleeper = vm->vcpus[0]; // the one that the scheduler looks at first
    kicked = false;
    storm_posts = 0;
    fake_host.host.kick = take_kick;
}

static uint64_t (*real_now_ns)(void);

// A clock at which CPU 1 sends both vCPUs an interrupt whenever CPU 0 reads it and runs no vCPU.
static uint64_t now_in_a_storm(void)
{
    static bool posting;
    if (!posting && cpu0()->current == 0) {
        posting = true;
        fake_host.cpu = 1;
        for (unsigned i = 0; i < 2; i++) {
            vcpu_mail_message(sleeper->vm->vcpus[i],
                              &(struct apic_message){.delivery = APIC_FIXED, .vector = 0x51});
        }
        fake_host.cpu = 0;
        posting = false;
        storm_posts++;
    }
    return real_now_ns();
}

// A kick that is pending ends the run before the guest's first instruction.
static void compute_unless_kicked(struct vcpu_core *core)
{
    if (kicked) {
        kicked = false;
        vcpu_post_work(vcpu_of(core), WORK_HOST);
        return;
    }
    fake_backend_compute(core);
}

static void interrupts_for_sleepers_starve_nobody(void **state)
{
    (void)state;
    fake_backend.guest = compute_unless_kicked;
    struct vm *hog = start("hog");

    start_sleepers();
    real_now_ns = fake_host.host.now_ns;
    fake_host.host.now_ns = now_in_a_storm;
    run_for(100 * MS);
    fake_host.host.now_ns = real_now_ns;
    assert_true(storm_posts > 0);
    assert_true(run_time(hog) > 90 * MS);
}

static unsigned looks_until_nmi;

static uint64_t now_with_an_nmi(void)
{
    if (looks_until_nmi != 0 && --looks_until_nmi == 0) {
        fake_host.cpu = 1;
        vcpu_mail_message(sleeper, &(struct apic_message){.delivery = APIC_NMI});
        fake_host.cpu = 0;
    }
    return real_now_ns();
}

// At whatever moment a wake-up comes, the CPU either finds it or is kicked.
static void no_wake_is_lost(void **state)
{
    uint64_t wake_ns;
    (void)state;
    fake_backend.guest = compute_unless_kicked;
    fake_machine_add("payload");
    start_sleepers();
    real_now_ns = fake_host.host.now_ns;
    fake_host.host.now_ns = now_with_an_nmi;
    for (unsigned i = 1; i < 20; i++) {
        sleeper->halted = sleeper->asleep = true;
        sleeper->nmis_pending = 0;
        sleeper->in_nmi = false; // the IRET of the last one has come
        scheduler_look_at(sleeper->vm);
        assert_false(scheduler_step(cpu0(), NEVER_NS, &wake_ns));
        kicked = false;
        scheduler_look_at(sleeper->vm); // the CPU looks at both again
        looks_until_nmi = i;
        bool ran = scheduler_step(cpu0(), NEVER_NS, &wake_ns);

        if (looks_until_nmi != 0) {
            assert_true(i > 3); // in one of these rounds the CPU has looked at both
            break;
        }
        assert_true(ran || kicked || wake_ns <= fake_host.now_ns);
        (void)scheduler_step(cpu0(), NEVER_NS, &wake_ns);
    }
    fake_host.host.now_ns = real_now_ns;
}

// The back end's own timer may stand still while exits are handled, so the host's timer is set too.
static void every_slice_has_a_deadline_of_the_host(void **state)
{
    (void)state;
    fake_backend.guest = guest;
    start("h1");
    start("h2");
    for (unsigned i = 0; i < 4; i++) {
        uint64_t start_ns = fake_host.now_ns;

        fake_host.deadline_ns = NEVER_NS;
        assert_true(step());
        assert_in_range(fake_host.deadline_ns, start_ns + 1, start_ns + SCHEDULER_SLICE_NS);
    }
}

// A guest whose CPU is kicked all the time: each run is short, and the VM pays for it.
static void interrupted(struct vcpu_core *core)
{
    fake_host.now_ns += US;
    __atomic_or_fetch(&core->work, WORK_HOST, __ATOMIC_RELAXED);
}

static void kicks_without_end_starve_nobody(void **state)
{
    (void)state;
    fake_backend.guest = interrupted;
    struct vm *a = start("h1");
    struct vm *b = start("h2");

    run_for(100 * MS);
    assert_true(run_time(a) > MS);
    assert_in_range(run_time(a), run_time(b) - SCHEDULER_SLICE_NS,
                    run_time(b) + SCHEDULER_SLICE_NS);
}

// Halts after a while. Meanwhile an interrupt comes for the other VM, which sleeps.
static void halt_after_a_while(struct vcpu_core *core)
{
    struct vm *other = fake_machine.vmm.vms[1];
    fake_host.now_ns += 50 * US;
    fake_host.cpu = 1;
    vcpu_mail_message(other->vcpus[0],
                      &(struct apic_message){.delivery = APIC_FIXED, .vector = 0x41});
    fake_host.cpu = 0;
    fake_backend_exit(core, (struct vm_exit){.kind = EXIT_HLT});
}

static void who_wakes_does_not_pay_for_a_run_that_ended_by_itself(void **state)
{
    (void)state;
    fake_backend.guest = halt_after_a_while;
    struct vm *first = start_with_timer("first", 100 * MS, 0);
    struct vm *other = start_with_timer("sleeper", 100 * MS, 0);

    other->vcpus[0]->halted = true;
    assert_true(step());
    assert_true(first->vcpus[0]->halted);
    cpu0()->turn_ns = MS;
    cpu0()->ended_ns = 0;
    uint64_t used_ns = cpu0()->accounts[first->index].used_ns;

    assert_true(used_ns >= 50 * US);
    assert_true(step());
    assert_true(cpu0()->accounts[first->index].used_ns >= used_ns);
}

// ---- Waking and deadlines ----

static void the_wake_time_is_the_first_of_all(void **state)
{
    uint64_t wake_ns = 0;
    (void)state;
    fake_backend.guest = guest;
    uint64_t start_ns = fake_host.now_ns;

    start_with_timer("a", 30 * MS, false);
    start_with_timer("b", 20 * MS, false);
    while (scheduler_step(cpu0(), NEVER_NS, &wake_ns)) {
    }
    assert_int_equal(wake_ns, start_ns + 20 * MS);
    struct reason why;

    assert_int_equal(vm_pause(vm_find(&fake_machine.vmm, "b"), &why), STATUS_OK);
    assert_false(scheduler_step(cpu0(), NEVER_NS, &wake_ns));
    assert_int_equal(wake_ns, start_ns + 30 * MS);
}

// A timer that fires every ns, masked, and a CPU that need never wake.
static void a_masked_timer_wakes_nobody(void **state)
{
    uint64_t wake_ns = 0;
    (void)state;
    fake_backend.guest = guest;
    struct vm *vm = start_with_timer("a", 1, true);

    while (scheduler_step(cpu0(), NEVER_NS, &wake_ns)) {
    }
    assert_int_equal(wake_ns, NEVER_NS);
    assert_int_equal(fake_backend.runs, 1);
    assert_true(vm->vcpus[0]->halted);
}

static void a_slice_ends_when_a_sleeper_wakes(void **state)
{
    (void)state;
    fake_backend.guest = guest;
    start_with_timer("sleeper", 3 * MS, false);
    uint64_t start_ns = fake_host.now_ns;

    assert_true(step()); // it halts
    start("hog");
    run_for(20 * MS); // the sleeper saves time
    do {
        assert_true(step());
    } while (current()->config.name[0] == 'h');
    assert_in_range((fake_host.now_ns - start_ns) % (3 * MS), 0, 50 * US);
}

static void the_end_of_a_vm_lets_the_others_run(void **state)
{
    (void)state;
    fake_backend.guest = guest;
    struct vm *ends = start("h1");
    struct vm *hog = start("h2");

    run_for(50 * MS);
    fake_backend.ops.load_vcpu(&ends->vcpus[0]->core);
    vm_fail(ends, "a test");
    uint64_t before = run_time(hog);
    uint64_t of_the_ended = run_time(ends);

    run_for(50 * MS);
    assert_true(run_time(hog) - before > 49 * MS);
    assert_int_equal(run_time(ends), of_the_ended);
}

static void restarts_are_waited_for(void **state)
{
    uint64_t wake_ns = 0;
    (void)state;
    fake_backend.guest = guest;
    struct vm *vm = start("h1");

    vm->config.restart = RESTART_ALWAYS;
    vm_fail(vm, "a test");
    assert_false(scheduler_step(cpu0(), NEVER_NS, &wake_ns));
    assert_int_equal(wake_ns, fake_host.now_ns + 1000 * MS);
    fake_host.now_ns = wake_ns;
    assert_true(scheduler_step(cpu0(), NEVER_NS, &wake_ns));
    assert_int_equal(vm->state, VM_RUNNING);
    assert_int_equal(vm->starts, 2);
}

// VMs whose names begin with w wait in a loop that exits after 5 us, others compute.
static void waiter_or_hog(struct vcpu_core *core)
{
    if (vcpu_of(core)->vm->config.name[0] == 'w') {
        fake_host.now_ns += 5 * US;
        fake_backend_exit(core, (struct vm_exit){.kind = EXIT_PAUSE});
    } else {
        fake_backend_compute(core);
    }
}

static void who_waits_in_a_loop_gives_way(void **state)
{
    (void)state;
    fake_backend.guest = waiter_or_hog;
    struct vm *waiter = start("waiter");
    struct vm *hog = start("hog");
    struct vm *other = start("hog2");

    run_for(1000 * MS);
    assert_true(run_time(waiter) < 2 * MS);
    assert_true(waiter->vcpus[0]->core.exits[EXIT_PAUSE] >=
                45); // at least one turn before each turn of the hog
    assert_in_range(run_time(hog), 480 * MS, 520 * MS);
    assert_in_range(run_time(other), 480 * MS, 520 * MS);
}

static void who_waits_alone_goes_on_waiting(void **state)
{
    (void)state;
    fake_backend.guest = waiter_or_hog;
    struct vm *waiter = start("waiter");

    run_for(100 * MS);
    assert_true(run_time(waiter) > 60 * MS); // the rest is the host's overhead
}

static void two_that_wait_take_turns(void **state)
{
    (void)state;
    fake_backend.guest = waiter_or_hog;
    struct vm *first = start("wait1");
    struct vm *second = start("wait2");

    run_for(100 * MS);
    assert_in_range(run_time(first), run_time(second) - MS, run_time(second) + MS);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_machine_sleeps),
        TEST(vms_that_are_off_do_not_run),
        TEST(vms_of_other_cpus_do_not_run_here),
        TEST(a_cpu_that_runs_no_guests_schedules_nothing),
        TEST(one_alone_runs_all_the_time),
        TEST(a_start_beside_a_hog_makes_no_run_longer),
        TEST(hogs_share_equally),
        TEST(who_waits_in_a_loop_gives_way),
        TEST(who_waits_alone_goes_on_waiting),
        TEST(two_that_wait_take_turns),
        TEST(a_slice_is_no_longer_than_it_should_be),
        TEST(a_sleeper_wakes_soon_beside_a_hog),
        TEST(sleepers_keep_their_pace_beside_a_hog),
        TEST(sleeping_saves_up_no_more_than_a_slice),
        TEST(a_vm_that_starts_late_does_not_catch_up),
        TEST(a_storm_of_interrupts_takes_its_own_time_only),
        TEST(resetting_all_the_time_starves_nobody),
        TEST(a_guest_that_counts_steal_time_can_reset),
        TEST(slow_resets_starve_nobody),
        TEST(slow_restarts_starve_nobody),
        TEST(interrupts_for_sleepers_starve_nobody),
        TEST(no_wake_is_lost),
        TEST(every_slice_has_a_deadline_of_the_host),
        TEST(kicks_without_end_starve_nobody),
        TEST(who_wakes_does_not_pay_for_a_run_that_ended_by_itself),
        TEST(the_wake_time_is_the_first_of_all),
        TEST(a_masked_timer_wakes_nobody),
        TEST(a_slice_ends_when_a_sleeper_wakes),
        TEST(the_end_of_a_vm_lets_the_others_run),
        TEST(restarts_are_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
