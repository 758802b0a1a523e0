// SPDX-License-Identifier: MIT
// Tests of starts that go on piece by piece: beside other VMs, abandoned, and failing late.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "tests/host/fake_machine.h"
#include "vmm/devices/lapic_timer.h"
#include "vmm/vcpu/vcpu_apic.h"
#include "vmm/vm/scheduler_step.h"
#include "vmm/vm/vm_call.h"
#include "vmm/vm/vm_create.h"
#include "vmm/vm/vm_life.h"

#define US 1000ULL
#define MS (1000 * US)
#define TURN_NS (5 * MS) // of a start that has the CPU for itself
#define SECOND (1000 * MS)
#define START_NS (100 * MS) // about how long a start takes its CPU

static struct reason why;

static int set_up(void **state)
{
    (void)state;
    fake_machine_init();
    fake_host.zero_ns_per_kib = START_NS / (FAKE_VM_BYTES / KIB);
    why.text[0] = '\0';
    return 0;
}

static struct vm *begin(const char *name, unsigned cpu)
{
    struct vm *vm = fake_machine_add_smp(name, 1, BIT(cpu));
    assert_int_equal(vm_start(vm, &why), STATUS_OK);
    assert_int_equal(vm->state, VM_STARTING);
    return vm;
}

static struct vm *start(const char *name)
{
    struct vm *vm = begin(name, 0);
    fake_machine_finish(vm);
    assert_int_equal(vm->state, VM_RUNNING);
    return vm;
}

// Steps until the VM is no longer in work. Returns how long that takes.
static uint64_t step_through(const struct vm *vm)
{
    uint64_t begin_ns = fake_host.now_ns;
    while (vm_is_in_work(vm)) {
        assert_true(fake_machine_step(vm_home_cpu(vm), NULL));
    }
    return fake_host.now_ns - begin_ns;
}

static void assert_nothing_is_left(void)
{
    assert_int_equal(fake_host.live_allocations, fake_machine.vmm.vm_count);
    assert_int_equal(fake_host.live_spaces, 0);
    assert_int_equal(fake_backend.live_vcpus, 0);
    assert_int_equal(fake_backend.live_nested, 0);
}

// ---- Its pieces ----

static void a_start_waits_for_its_cpu(void **state)
{
    struct vm *vm = begin("web", 1);
    (void)state;
    assert_int_equal(vm->zeroed_bytes, 0); // the person who typed `start` did not have to wait
    assert_int_equal(fake_host.zeroed_bytes, 0);
    assert_int_equal(fake_host.kicks[1], 1);
    assert_false(fake_machine_step(0, NULL));
    assert_int_equal(vm->zeroed_bytes, 0);
    assert_true(fake_machine_step(1, NULL));
    assert_true(vm->zeroed_bytes > 0);
}

static void check_turns(struct vm *vm, uint64_t turn_ns)
{
    unsigned pieces = 0;
    uint64_t before = 0;
    fake_host.zero_ns_per_kib = 8 * US;
    while (vm->state == VM_STARTING) {
        uint64_t begin_ns = fake_host.now_ns;
        assert_true(fake_machine_step(0, NULL));
        uint64_t last_piece_ns = 256 * fake_host.zero_ns_per_kib;
        assert_true(fake_host.now_ns - begin_ns <= turn_ns + last_piece_ns);
        assert_true(vm->zeroed_bytes > before || vm->state == VM_RUNNING); // it goes on
        before = vm->zeroed_bytes;
        pieces++;
    }
    assert_true(pieces >= 3);
    assert_int_equal(vm->zeroed_bytes, FAKE_VM_BYTES - 0x18000); // all but the VGA hole
    assert_int_equal(fake_host.zeroed_bytes, vm->zeroed_bytes);
    assert_int_equal(vm->starts, 1);
}

static void each_piece_is_short(void **state)
{
    (void)state;
    check_turns(begin("web", 0), TURN_NS);
}

static void each_piece_is_shorter_beside_others(void **state)
{
    (void)state;
    struct vm *vm = begin("web", 0);

    fake_machine.schedulers[0].present |= BIT(1); // another VM sleeps there
    check_turns(vm, MS);
}

// ---- With a clock that goes on with each look at it ----

#define LOOK_NS (50 * US)
#define LOADED_BYTES (3 * MIB + 100)

static uint8_t module[LOADED_BYTES];
static struct vm *looked_at;
static uint64_t operations_before;
static uint64_t copied_before;
static unsigned vcpus_before;

static uint64_t copied_bytes(const struct load_plan *plan)
{
    uint64_t bytes = plan->done;
    for (unsigned i = 0; i < plan->next; i++) {
        bytes += plan->copies[i].bytes;
    }
    return bytes;
}

// How much may be done between two looks at the clock.
static uint64_t slow_now_ns(void)
{
    assert_true(fake_host.operations <= operations_before + 3);
    operations_before = fake_host.operations;
    uint64_t copied = copied_bytes(&looked_at->start.plan);
    assert_true(copied <= copied_before + 256 * KIB);
    assert_true(fake_backend.live_vcpus <= vcpus_before + 1);
    assert_true(vcpus_before <= fake_backend.live_vcpus + 1);
    copied_before = copied;
    vcpus_before = fake_backend.live_vcpus;
    fake_host.now_ns += LOOK_NS;
    return fake_host.now_ns;
}

static struct vm *add_large(void)
{
    struct vm *vm = looked_at = fake_machine_add_smp("web", 64, BIT(0));
    vm->config.memory_bytes = 8 * MIB;
    for (unsigned i = 0; i < LOADED_BYTES; i++) {
        module[i] = (uint8_t)(i * 7 + i / 256);
    }
    assert_true(vm_add_payload(vm, &(struct vm_payload){.start = hpa((uint64_t)module),
                                                        .size = LOADED_BYTES,
                                                        .command_line = ""}));
    fake_host.zero_ns_per_kib = 0;
    fake_host.frame_run = 256 * KIB / PAGE_SIZE;
    fake_host.host.now_ns = slow_now_ns;
    copied_before = vcpus_before = 0;
    operations_before = fake_host.operations;
    return vm;
}

static void vcpus_and_modules_come_in_pieces(void **state)
{
    struct vm *vm = add_large();
    unsigned steps = 0;
    (void)state;
    assert_int_equal(vm_start(vm, &why), STATUS_OK);
    while (vm->state == VM_STARTING) {
        uint64_t begin_ns = fake_host.now_ns;
        assert_true(fake_machine_step(0, NULL));
        unsigned looks = vm->state == VM_STARTING ? 10 : 10 + 64; // at the end at all its vCPUs

        assert_true(fake_host.now_ns - begin_ns <= TURN_NS + looks * LOOK_NS);
        steps++;
    }
    // 32 pieces are mapped, 32 zeroed, 64 vCPUs made and started, 4 pieces mapped, 14 copied.
    assert_in_range(steps, 210 * LOOK_NS / TURN_NS, 400 * LOOK_NS / TURN_NS);
    assert_int_equal(vm->state, VM_RUNNING);
    fake_host.host.space_enter(&vm->space);
    assert_memory_equal(guest_memory_at(&vm->memory, gpa(MIB), LOADED_BYTES), module, LOADED_BYTES);
}

static void a_stop_comes_in_pieces_too(void **state)
{
    struct vm *vm = add_large();
    unsigned steps = 0;
    (void)state;
    assert_int_equal(vm_start(vm, &why), STATUS_OK);
    step_through(vm);
    uint64_t free_bytes = fake_host.host.memory_use().guest_free;

    assert_int_equal(vm_stop(vm, &why), STATUS_OK);
    assert_int_equal(fake_host.host.memory_use().guest_free, free_bytes); // it counts as used
    assert_int_equal(fake_backend.live_vcpus, 64);
    while (vm->state == VM_STOPPING) {
        uint64_t begin_ns = fake_host.now_ns;
        assert_true(fake_machine_step(0, NULL));
        assert_true(fake_host.now_ns - begin_ns <= TURN_NS + 10 * LOOK_NS);
        steps++;
    }
    // 64 vCPUs, 33 mappings, 8 MiB of memory.
    assert_in_range(steps, 105 * LOOK_NS / TURN_NS, 200 * LOOK_NS / TURN_NS + 1);
    assert_int_equal(vm->state, VM_OFF);
    assert_nothing_is_left();
    assert_true(fake_host.host.memory_use().guest_free > free_bytes);
}

static void its_clock_starts_when_it_runs(void **state)
{
    struct vm *vm = begin("web", 0);
    (void)state;
    step_through(vm);
    assert_int_equal(vm->state, VM_RUNNING);
    assert_int_equal(vm_now_ns(vm), 0);
    assert_int_equal(vm->started_ns, fake_host.now_ns);
    assert_true(fake_machine_step(0, NULL));
    assert_true(vm->vcpus[0]->run_ns > 0);
}

static struct vm *watched;
static void (*real_log)(const char *line);

static void watched_log(const char *line)
{
    assert_int_equal(watched->state, VM_STARTING);
    real_log(line);
}

// The line comes before everything that the guest prints.
static void the_log_says_that_it_has_started(void **state)
{
    (void)state;
    watched = begin("web", 0);
    real_log = fake_host.host.log;
    fake_host.host.log = watched_log;
    assert_int_equal(fake_host_logged("[web]"), 0);
    step_through(watched);
    assert_int_equal(fake_host_logged("[web] started"), 1);
    assert_int_equal(vm_reset(watched, &why), STATUS_OK);
    step_through(watched);
    assert_int_equal(fake_host_logged("[web] reset"), 1);
}

// ---- Beside others ----

static uint64_t latency_worst_ns;
static unsigned woken;

// A hog computes. Other guests work a little after each of their interrupts.
static void guest(struct vcpu_core *core)
{
    struct vcpu *vcpu = vcpu_of(core);
    if (vcpu->vm->config.name[0] == 'h') {
        fake_backend_compute(core);
        return;
    }
    if (!(core->backend->registers[REG_RFLAGS] & RFLAGS_IF)) {
        uint64_t due_ns = lapic_next_event_ns(&vcpu->lapic) - 10 * MS + vcpu->vm->clock_base_ns;

        latency_worst_ns = MAX(latency_worst_ns, fake_host.now_ns - due_ns);
        woken++;
        fake_host.now_ns += 20 * US;
        lapic_eoi(&vcpu->lapic);
        core->backend->registers[REG_RFLAGS] |= RFLAGS_IF;
    }
    fake_backend_exit(core, (struct vm_exit){.kind = EXIT_HLT});
}

static void a_hog_and_a_start_share_equally(void **state)
{
    (void)state;
    fake_backend.guest = guest;
    struct vm *hog = start("hog");

    fake_machine_step(0, NULL);
    struct vm *vm = begin("web", 0);
    uint64_t before_ns = hog->vcpus[0]->run_ns;
    uint64_t took_ns = step_through(vm);

    assert_in_range(hog->vcpus[0]->run_ns - before_ns, 80 * MS, 120 * MS);
    assert_in_range(took_ns, 180 * MS, 220 * MS);
    assert_true(vm->build_ns <= START_NS);
}

static void a_ticker_keeps_its_pace(void **state)
{
    (void)state;
    fake_backend.guest = guest;
    latency_worst_ns = woken = 0;
    struct vcpu *ticker = start("ticker")->vcpus[0];

    fake_backend.ops.load_vcpu(&ticker->core);
    assert_true(vcpu_write_lapic(ticker, LAPIC_DIVIDE, 0xb));
    assert_true(vcpu_write_lapic(ticker, LAPIC_LVT_TIMER, 1U << 17 | 0x40));
    assert_true(vcpu_write_lapic(ticker, LAPIC_INITIAL_COUNT, 10 * MS));
    vcpu_set_register(ticker, REG_RFLAGS, RFLAGS_FIXED | RFLAGS_IF);
    struct vm *vm = fake_machine_add("web");

    vm->config.memory_bytes = 32 * MIB;
    fake_host.zero_ns_per_kib = SECOND / (32 * MIB / KIB);
    assert_int_equal(vm_start(vm, &why), STATUS_OK);
    uint64_t took_ns = step_through(vm);

    assert_in_range(took_ns, SECOND * 9 / 10, SECOND * 11 / 10);
    assert_in_range(woken, took_ns / (10 * MS) - 2, took_ns / (10 * MS));
    // A piece of 256 KiB is zeroed to its end once it has begun.
    assert_true(latency_worst_ns <= 256 * fake_host.zero_ns_per_kib + TURN_NS);
}

static void two_cpus_start_two_vms_at_once(void **state)
{
    struct vm *a = begin("a", 0);
    struct vm *b = begin("b", 1);
    (void)state;
    while (a->state == VM_STARTING || b->state == VM_STARTING) {
        fake_machine_step(0, NULL);
        fake_machine_step(1, NULL);
        assert_true(a->state == b->state);
    }
    assert_int_equal(a->state, VM_RUNNING);
}

// ---- Not to its end ----

static void refusals_say_that_it_is_starting(void **state)
{
    struct vm *vm = begin("web", 0);
    (void)state;
    assert_int_equal(vm_start(vm, &why), STATUS_BUSY);
    assert_string_equal(why.text, "web is starting");
    assert_int_equal(vm_reset(vm, &why), STATUS_BUSY);
    assert_string_equal(why.text, "web is starting");
    assert_int_equal(vm_pause(vm, &why), STATUS_BUSY);
    assert_string_equal(why.text, "web is starting, not running");
    assert_int_equal(vm_resume(vm, &why), STATUS_BUSY);
    assert_string_equal(why.text, "web is starting, not paused");
    assert_int_equal(vm->state, VM_STARTING);
}

static void a_stop_abandons_it_wherever_it_is(void **state)
{
    struct vm *vm = fake_machine_add("web");
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(vm_start(vm, &why), STATUS_OK);
        for (unsigned j = 0; j < i % 16 && vm->state == VM_STARTING; j++) {
            assert_true(fake_machine_step(0, NULL));
        }
        assert_int_equal(vm_stop(vm, &why), STATUS_OK);
        step_through(vm);
        assert_int_equal(vm->state, VM_OFF);
        assert_false(fake_machine_step(0, NULL));
        assert_nothing_is_left();
    }
    assert_int_equal(fake_host_logged("not started"), 0); // the person who stopped it knows
    assert_in_range(vm->starts, 1, 500);
}

static void a_stop_abandons_vcpus_and_modules_too(void **state)
{
    struct vm *vm = add_large();
    (void)state;
    for (unsigned i = 0; vm->starts == 0; i++) {
        assert_int_equal(vm_start(vm, &why), STATUS_OK);
        for (unsigned j = 0; j < i && vm->state == VM_STARTING; j++) {
            assert_true(fake_machine_step(0, NULL));
        }
        assert_int_equal(vm_stop(vm, &why), STATUS_OK);
        step_through(vm);
        assert_nothing_is_left();
    }
}

// Whatever is left of the life before, the next one begins with nothing of it but the memory.
static void a_start_may_come_while_it_stops(void **state)
{
    struct vm *vm = add_large();
    (void)state;
    for (unsigned i = 0; i < 60; i++) {
        assert_int_equal(vm_start(vm, &why), STATUS_OK);
        step_through(vm);
        assert_int_equal(vm->state, VM_RUNNING);
        assert_int_equal(vm->starts, i + 1);
        assert_int_equal(fake_backend.live_vcpus, 64);
        assert_int_equal(fake_backend.live_nested, 1);
        assert_int_equal(fake_host.live_spaces, 1);
        assert_int_equal(vm_stop(vm, &why), STATUS_OK);
        for (unsigned j = 0; j < 2 * i && vm->state == VM_STOPPING; j++) {
            vm_continue(vm, 0); // a single piece
        }
    }
    step_through(vm);
    assert_nothing_is_left();
}

static void a_failed_start_is_torn_down_in_pieces(void **state)
{
    struct vm *vm = add_large();
    (void)state;
    for (unsigned i = 1; vm->state != VM_RUNNING; i++) {
        assert_int_equal(vm_start(vm, &why), STATUS_OK);
        fake_host.failing_step = fake_host.steps + i;
        step_through(vm);
        assert_true(vm->state == VM_RUNNING || vm->state == VM_OFF);
        assert_int_equal(fake_host_logged("[web] not started: no "),
                         vm->state == VM_OFF ? i : i - 1);
        if (vm->state == VM_OFF) {
            assert_nothing_is_left();
        }
    }
}

static void a_reset_keeps_its_memory(void **state)
{
    struct vm *vm = start("web");
    uint64_t cr3 = vm->space.cr3;
    (void)state;
    fake_host.guest_bytes = 0; // others have all that was free
    assert_int_equal(vm_reset(vm, &why), STATUS_OK);
    step_through(vm);
    assert_int_equal(vm->state, VM_RUNNING);
    assert_int_equal(vm->space.cr3, cr3);
    assert_int_equal(fake_host.zeroed_bytes, 2 * vm->zeroed_bytes);
}

// The nested page table, and for each of the two runs of RAM its memory and its mapping.
#define STEPS_BEFORE_DEVICES 5

// There is enough memory for the VM, but there are no frames for its devices.
static void a_start_that_fails_late_says_so(void **state)
{
    struct vm *vm = begin("web", 0);
    (void)state;
    fake_host.failing_step = fake_host.steps + STEPS_BEFORE_DEVICES + 1;
    step_through(vm);
    assert_int_equal(vm->state, VM_OFF);
    assert_int_equal(vm->starts, 0);
    assert_int_equal(fake_host_logged("[web] not started: no frames for the devices"), 1);
    assert_nothing_is_left();
    assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
    assert_int_equal(vm->state, VM_RUNNING);
}

static void a_start_that_fails_late_is_not_tried_again(void **state)
{
    struct vm *vm = begin("web", 0);
    (void)state;
    vm->config.restart = RESTART_ALWAYS;
    fake_host.failing_step = fake_host.steps + 1;
    step_through(vm);
    assert_int_equal(vm->state, VM_OFF);
    assert_int_equal(vm->restart_at_ns, NEVER_NS);
    fake_host.now_ns += 10 * SECOND;
    assert_false(fake_machine_step(0, NULL));
}

static void a_restart_that_fails_late_is_tried_again(void **state)
{
    struct vm *vm = start("web");
    (void)state;
    vm->config.restart = RESTART_ALWAYS;
    vm_fail(vm, "a test");
    fake_host.now_ns = vm->restart_at_ns;
    assert_true(fake_machine_step(0, NULL));
    assert_int_equal(vm->state, VM_STARTING);
    fake_host.failing_step = fake_host.steps + 1;
    step_through(vm);
    assert_int_equal(vm->state, VM_ENDED);
    assert_true(vm->failed);
    assert_string_equal(vm->ended.text, "no frames for the devices");
    assert_int_equal(fake_host_logged("[web] not restarted: no frames for the devices"), 1);
    assert_true(vm->restart_at_ns > fake_host.now_ns && vm->restart_at_ns != NEVER_NS);
    fake_host.now_ns = vm->restart_at_ns;
    assert_true(fake_machine_step(0, NULL));
    step_through(vm);
    assert_int_equal(vm->state, VM_RUNNING);
    assert_int_equal(fake_host_logged("[web] restarted"), 1);
}

// The old vCPUs are released, and there are no new ones before the VM runs.
static void a_reset_by_the_guest_goes_on_in_pieces_too(void **state)
{
    (void)state;
    fake_machine_start_smp(2);
    fake_machine_start_processors();
    struct vm *vm = fake_machine.vm;

    fake_host.zero_ns_per_kib = START_NS / (FAKE_VM_BYTES / KIB);
    fake_host.now_ns += SECOND;
    vm_request_reset(vm);
    assert_false(fake_machine_step(1, NULL));
    assert_true(fake_machine_step(0, NULL));
    assert_int_equal(vm->state, VM_STARTING);
    assert_int_equal(vm->starts, 1);
    assert_false(fake_machine_step(1, NULL));
    assert_null(vm_vcpu_core(vm, 1));
    step_through(vm);
    assert_int_equal(vm->starts, 2);
    assert_int_equal(fake_host_logged("[web] reset by itself"), 1);
    fake_machine_start_processors();
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_start_waits_for_its_cpu),
        TEST(each_piece_is_short),
        TEST(each_piece_is_shorter_beside_others),
        TEST(vcpus_and_modules_come_in_pieces),
        TEST(a_stop_comes_in_pieces_too),
        TEST(its_clock_starts_when_it_runs),
        TEST(the_log_says_that_it_has_started),
        TEST(a_hog_and_a_start_share_equally),
        TEST(a_ticker_keeps_its_pace),
        TEST(two_cpus_start_two_vms_at_once),
        TEST(refusals_say_that_it_is_starting),
        TEST(a_stop_abandons_it_wherever_it_is),
        TEST(a_stop_abandons_vcpus_and_modules_too),
        TEST(a_start_may_come_while_it_stops),
        TEST(a_failed_start_is_torn_down_in_pieces),
        TEST(a_reset_keeps_its_memory),
        TEST(a_start_that_fails_late_says_so),
        TEST(a_start_that_fails_late_is_not_tried_again),
        TEST(a_restart_that_fails_late_is_tried_again),
        TEST(a_reset_by_the_guest_goes_on_in_pieces_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
