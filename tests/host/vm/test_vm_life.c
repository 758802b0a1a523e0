// SPDX-License-Identifier: MIT
// Tests of the life of VMs, from creation to restart: every state, every order, nothing leaked.
#include "vmm/vm/vm_life.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "tests/host/fake_machine.h"
#include "vmm/util/format.h"
#include "vmm/util/string.h"
#include "vmm/vcpu/vcpu_apic.h"
#include "vmm/vcpu/vcpu_run.h"
#include "vmm/vcpu/vcpu_timers.h"
#include "vmm/vm/vm_call.h"
#include "vmm/vm/vm_create.h"

#define MS 1000000ULL
#define SECOND (1000 * MS)
#define RAM_KIB (FAKE_VM_BYTES / KIB - 96) // without the VGA hole

static struct reason why;

static int set_up(void **state)
{
    (void)state;
    fake_machine_init();
    why.text[0] = '\0';
    return 0;
}

static struct vm_config config_named(const char *name)
{
    struct vm_config config = {.memory_bytes = FAKE_VM_BYTES, .vcpus = 1, .command_line = ""};
    text_copy(config.name, sizeof(config.name), name);
    return config;
}

static enum status create(const struct vm_config *config)
{
    struct vm *vm = NULL;
    why.text[0] = '\0';
    return vm_create(&fake_machine.vmm, config, &vm, &why);
}

// ---- Creation ----

static void a_new_vm_is_off(void **state)
{
    struct vm *vm = fake_machine_add("web");
    (void)state;
    assert_int_equal(vm->state, VM_OFF);
    assert_null(vm_vcpu_core(vm, 0));
    assert_ptr_equal(vm_find(&fake_machine.vmm, "web"), vm);
    assert_null(vm_find(&fake_machine.vmm, "we"));
    assert_int_equal(vm->restart_at_ns, NEVER_NS);
    assert_int_equal(fake_host.live_spaces, 0); // a VM costs no memory until it starts
}

static void names_are_taken_once(void **state)
{
    struct vm_config config = config_named("web");
    (void)state;
    fake_machine_add("web");
    assert_int_equal(create(&config), STATUS_BUSY);
    assert_string_equal(why.text, "vm=web: there is a VM of that name");
    assert_int_equal(fake_machine.vmm.vm_count, 1);
}

static void there_are_at_most_64(void **state)
{
    (void)state;
    for (unsigned i = 0; i <= VMS_MAX; i++) {
        struct vm_config config = config_named("");

        format_text(config.name, sizeof(config.name), "vm%u", i);
        assert_int_equal(create(&config), i < VMS_MAX ? STATUS_OK : STATUS_NO_MEMORY);
    }
    assert_string_equal(why.text, "vm=vm64: at most 64 VMs");
}

static void memory_is_what_the_machine_has(void **state)
{
    struct vm_config config = config_named("big");
    (void)state;
    config.memory_bytes = fake_host.guest_bytes + MIB;
    assert_int_equal(create(&config), STATUS_RANGE);
    assert_string_equal(why.text, "vm=big: mem=65M: this machine has 64 MiB for guests");
    config.memory_bytes = UINT64_MAX;
    assert_int_equal(create(&config), STATUS_RANGE);
    config.memory_bytes = fake_host.guest_bytes;
    assert_int_equal(create(&config), STATUS_OK);
}

static void no_frames_for_another_vm(void **state)
{
    struct vm_config config = config_named("web");
    (void)state;
    fake_host.failing_step = fake_host.steps + 1;
    assert_int_equal(create(&config), STATUS_NO_MEMORY);
    assert_int_equal(fake_machine.vmm.vm_count, 0);
    assert_true(strlen(why.text) > 0);
}

// ---- CPUs ----

static unsigned cpu_of_new(const char *name)
{
    struct vm_config config = config_named(name);
    struct vm *vm = NULL;
    assert_int_equal(vm_create(&fake_machine.vmm, &config, &vm, &why), STATUS_OK);
    return vm->slots[0].cpu;
}

static void vms_are_spread_and_start_beside_cpu_0(void **state)
{
    (void)state;
    fake_host.cpus = 3;
    assert_int_equal(cpu_of_new("a"), 1);
    assert_int_equal(cpu_of_new("b"), 2);
    assert_int_equal(cpu_of_new("c"), 0);
    assert_int_equal(cpu_of_new("d"), 1);
}

static void a_single_cpu_takes_all(void **state)
{
    (void)state;
    fake_host.cpus = 1;
    assert_int_equal(cpu_of_new("a"), 0);
    assert_int_equal(cpu_of_new("b"), 0);
}

static void only_cpus_that_run_guests_get_some(void **state)
{
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    (void)state;
    fake_host.cpus = 4;
    fake_machine.vmm.runs_guests[0] = false;
    fake_machine.vmm.runs_guests[2] = false;
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        assert_int_equal(cpu_of_new(names[i]), i % 2 ? 3 : 1);
    }
}

static void without_such_cpus_there_are_still_vms(void **state)
{
    (void)state;
    fake_machine.vmm.ops = NULL;
    for (unsigned i = 0; i < FAKE_CPUS_MAX; i++) {
        fake_machine.vmm.runs_guests[i] = false;
    }
    assert_in_range(cpu_of_new("a"), 0, fake_host.cpus - 1);
    assert_in_range(cpu_of_new("b"), 0, fake_host.cpus - 1);
}

static void pin(struct vm_config *config, unsigned cpu)
{
    config->pinned = true;
    config->cpus[0] = BIT(cpu);
}

static void pins_must_exist(void **state)
{
    struct vm_config config = config_named("rt");
    (void)state;
    pin(&config, 2);
    assert_int_equal(create(&config), STATUS_RANGE);
    assert_string_equal(why.text, "vm=rt: cpu=2: this machine runs CPUs 0 to 1");
    pin(&config, 1);
    fake_machine.vmm.runs_guests[1] = false;
    assert_int_equal(create(&config), STATUS_UNSUPPORTED);
    assert_string_equal(why.text, "vm=rt: cpu=1: that CPU runs no guests");
    pin(&config, 0);
    assert_int_equal(create(&config), STATUS_OK);
    assert_int_equal(vm_find(&fake_machine.vmm, "rt")->slots[0].cpu, 0);
}

static struct vm *new_with_vcpus(const char *name, unsigned vcpus, uint64_t cpus)
{
    struct vm_config config = config_named(name);
    struct vm *vm = NULL;
    config.vcpus = vcpus;
    config.pinned = cpus != 0;
    config.cpus[0] = cpus;
    assert_int_equal(vm_create(&fake_machine.vmm, &config, &vm, &why), STATUS_OK);
    return vm;
}

static void assert_cpus(const struct vm *vm, const char *cpus)
{
    for (unsigned i = 0; i < vm->config.vcpus; i++) {
        assert_int_equal(vm->slots[i].cpu, cpus[i] - '0');
    }
}

static void vcpus_take_their_cpus_in_turn(void **state)
{
    (void)state;
    fake_host.cpus = 4;
    assert_cpus(new_with_vcpus("a", 6, 0), "123012");
    assert_cpus(new_with_vcpus("b", 2, 0), "30"); // goes on where the last VM ended
    assert_cpus(new_with_vcpus("c", 5, BIT(1) | BIT(3)), "13131");
    assert_cpus(new_with_vcpus("d", 3, BIT(2)), "222");
    assert_cpus(new_with_vcpus("e", 1, 0), "1"); // pinned VMs do not count
    fake_machine.vmm.runs_guests[2] = false;
    assert_cpus(new_with_vcpus("f", 4, 0), "3013");
}

static void each_cpu_of_a_list_must_exist(void **state)
{
    struct vm_config config = config_named("rt");
    (void)state;
    pin(&config, 0);
    config.cpus[3] = BIT(63);
    assert_int_equal(create(&config), STATUS_RANGE);
    assert_string_equal(why.text, "vm=rt: cpu=255: this machine runs CPUs 0 to 1");
}

// ---- Payloads ----

static void linked_payloads_make_vms(void **state)
{
    struct vm *vm = NULL;
    (void)state;
    assert_int_equal(vm_create_linked(&fake_machine.vmm, "hello", &vm, &why), STATUS_OK);
    assert_string_equal(vm->config.name, "hello");
    assert_int_equal(vm->config.memory_bytes, VM_MEMORY_DEFAULT);
    assert_true(vm->config.autostart);
    assert_int_equal(vm->payload_count, 1);
    assert_int_equal(vm_create_linked(&fake_machine.vmm, "hello", &vm, &why), STATUS_BUSY);
    assert_int_equal(vm_create_linked(&fake_machine.vmm, "nothing", &vm, &why), STATUS_NOT_FOUND);
    assert_string_equal(why.text, "no guest 'nothing' is linked into Husk");
}

static void modules_are_limited(void **state)
{
    struct vm *vm = fake_machine_add("web");
    (void)state;
    for (unsigned i = 0; i < LOAD_MODULES_MAX; i++) {
        assert_true(vm_add_payload(vm, &vm->payloads[0]));
    }
    assert_false(vm_add_payload(vm, &vm->payloads[0]));
    assert_int_equal(vm->payload_count, 1 + LOAD_MODULES_MAX);
}

static void nothing_to_run_does_not_start(void **state)
{
    struct vm_config config = config_named("empty");
    (void)state;
    assert_int_equal(create(&config), STATUS_OK);
    assert_int_equal(vm_start(vm_find(&fake_machine.vmm, "empty"), &why), STATUS_INVALID);
    assert_string_equal(why.text, "empty has nothing to run");
}

static void a_machine_without_a_back_end_says_why(void **state)
{
    struct vm *vm = fake_machine_add("web");
    (void)state;
    fake_machine.vmm.ops = NULL;
    text_copy(fake_machine.vmm.no_guests.text, sizeof(why.text), "this CPU has no VT-x");
    assert_int_equal(vm_start(vm, &why), STATUS_UNSUPPORTED);
    assert_string_equal(why.text, "this CPU has no VT-x");
    assert_int_equal(vm_stop(vm, &why), STATUS_BUSY);
    assert_int_equal(vm_pause(vm, &why), STATUS_BUSY);
    assert_int_equal(vm_resume(vm, &why), STATUS_BUSY);
    assert_int_equal(vm_reset(vm, &why), STATUS_BUSY);
    fake_machine.vmm.ops = &fake_backend.ops;
}

// ---- States ----

static struct vm *vm_in(enum vm_state wanted)
{
    struct vm *vm = fake_machine_add("web");
    if (wanted != VM_OFF) {
        assert_int_equal(vm_start(vm, &why), STATUS_OK);
    }
    if (wanted != VM_STARTING) {
        fake_machine_finish(vm);
    }
    if (wanted == VM_PAUSED) {
        assert_int_equal(vm_pause(vm, &why), STATUS_OK);
    } else if (wanted == VM_ENDED) {
        vm_end(vm, 0, "a test");
    }
    if (wanted == VM_STOPPING) {
        assert_int_equal(vm_stop(vm, &why), STATUS_OK);
    }
    assert_int_equal(vm->state, wanted);
    return vm;
}

typedef enum status (*operation)(struct vm *vm, struct reason *reason);

// The state after each operation in each state, VM_OFF to VM_STOPPING in order. -1: the operation
// is refused. Starts, resets and stops are only begun.
static void every_operation_in_every_state(void **state)
{
    static const struct {
        operation operation;
        int after[VM_STOPPING + 1];
    } table[] = {{vm_start, {VM_STARTING, -1, -1, -1, VM_STARTING, VM_STARTING}},
                 {vm_stop, {-1, VM_STOPPING, VM_STOPPING, VM_STOPPING, VM_STOPPING, VM_STOPPING}},
                 {vm_pause, {-1, -1, VM_PAUSED, -1, -1, -1}},
                 {vm_resume, {-1, -1, -1, VM_RUNNING, -1, -1}},
                 {vm_reset, {-1, -1, VM_STARTING, VM_STARTING, VM_STARTING, -1}}};

    for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
        for (enum vm_state before = VM_OFF; before <= VM_STOPPING; before++) {
            set_up(state);
            struct vm *vm = vm_in(before);
            enum status status = table[i].operation(vm, &why);
            int after = table[i].after[before];

            assert_int_equal(status, after < 0 ? STATUS_BUSY : STATUS_OK);
            assert_int_equal(vm->state, after < 0 ? before : (enum vm_state)after);
            assert_int_equal(strlen(why.text) > 0, after < 0);
            bool lives = vm->state == VM_RUNNING || vm->state == VM_PAUSED;
            assert_true(!lives || vm_vcpu_core(vm, 0));
            assert_true(vm->state != VM_OFF || !vm_vcpu_core(vm, 0));
            fake_machine_free();
        }
    }
}

static void refusals_say_the_state(void **state)
{
    struct vm *vm = vm_in(VM_PAUSED);
    (void)state;
    vm_start(vm, &why);
    assert_string_equal(why.text, "web is paused");
    vm_pause(vm, &why);
    assert_string_equal(why.text, "web is paused, not running");
    vm_resume(vm, &why);
    vm_resume(vm, &why);
    assert_string_equal(why.text, "web is running, not paused");
    vm_stop(vm, &why);
    vm_reset(vm, &why);
    assert_string_equal(why.text, "web is stopping");
    fake_machine_finish(vm);
    vm_stop(vm, &why);
    assert_string_equal(why.text, "web is off already");
    vm_reset(vm, &why);
    assert_string_equal(why.text, "web is off: start it");
}

static void states_have_names(void **state)
{
    (void)state;
    assert_string_equal(vm_state_name(VM_OFF), "off");
    assert_string_equal(vm_state_name(VM_STARTING), "starting");
    assert_string_equal(vm_state_name(VM_ENDED), "ended");
    assert_string_equal(vm_state_name(VM_STOPPING), "stopping");
}

// Carries out everything that is due, and checks that nothing is due later but a restart that has
// failed.
static void settle(struct vm *vm)
{
    uint64_t due_ns = vm_begin_due_start(vm);
    assert_int_equal(due_ns, vm->state == VM_ENDED ? vm->restart_at_ns : NEVER_NS);
    fake_machine_finish(vm);
}

static void starting_again_forgets_the_end(void **state)
{
    struct vm *vm = vm_in(VM_ENDED);
    (void)state;
    assert_string_equal(vm->ended.text, "a test");
    assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
    assert_string_equal(vm->ended.text, "");
    assert_int_equal(vm->starts, 2);
    assert_false(vm->failed);
}

// ---- Time ----

static void a_pause_stops_clock_and_tsc(void **state)
{
    struct vm *vm = vm_in(VM_RUNNING);
    const struct host *host = &fake_host.host;
    (void)state;
    fake_host.now_ns += 5 * SECOND;
    uint64_t clock = vm_now_ns(vm);

    assert_int_equal(clock, 5 * SECOND);
    uint64_t tsc = host->tsc() + vm->tsc_offset;

    assert_int_equal(vm_pause(vm, &why), STATUS_OK);
    fake_host.now_ns += 100 * SECOND;
    assert_int_equal(vm_resume(vm, &why), STATUS_OK);
    assert_int_equal(vm_now_ns(vm), clock);
    assert_int_equal(host->tsc() + vm->tsc_offset, tsc);
    vcpu_run(vm->vcpus[0], fake_host.now_ns);
    assert_int_equal(vcpu_register(vm->vcpus[0], REG_TSC_OFFSET), vm->tsc_offset);
    fake_host.now_ns += 7;
    assert_int_equal(vm_now_ns(vm), clock + 7);
}

static void a_pause_moves_timers(void **state)
{
    struct vm *vm = vm_in(VM_RUNNING);
    struct vcpu *vcpu = vm->vcpus[0];
    (void)state;
    assert_true(vcpu_write_lapic(vcpu, LAPIC_DIVIDE, 0xb));
    assert_true(vcpu_write_lapic(vcpu, LAPIC_LVT_TIMER, 0x40));
    assert_true(vcpu_write_lapic(vcpu, LAPIC_INITIAL_COUNT, 1000));
    assert_int_equal(fake_machine_next_event_ns(vcpu), fake_host.now_ns + 1000);
    assert_int_equal(vm_pause(vm, &why), STATUS_OK);
    fake_host.now_ns += SECOND;
    assert_int_equal(vm_resume(vm, &why), STATUS_OK);
    assert_int_equal(fake_machine_next_event_ns(vcpu), fake_host.now_ns + 1000);
}

static void a_reset_starts_the_clock_anew(void **state)
{
    struct vm *vm = vm_in(VM_RUNNING);
    (void)state;
    fake_host.now_ns += SECOND;
    assert_int_equal(fake_machine_vm_reset(vm, &why), STATUS_OK);
    assert_int_equal(vm_now_ns(vm), 0);
}

// ---- Ends and restarts ----

static void an_end_is_logged_once_and_stays(void **state)
{
    struct vm *vm = vm_in(VM_RUNNING);
    (void)state;
    vm_fail(vm, "number %u", 1);
    vm_end(vm, 0, "number %u", 2);
    assert_string_equal(vm->ended.text, "number 1");
    assert_true(vm->failed);
    assert_int_equal(fake_host_logged("[web] stopped: number 1"), 1);
    assert_int_equal(fake_host_logged("number 2"), 0);
    assert_non_null(vm_vcpu_core(vm, 0)); // kept, for inspection
    assert_int_equal(fake_host.live_spaces, 1);
    settle(vm);
    assert_int_equal(vm->state, VM_ENDED);
}

static void end_and_settle(struct vm *vm, bool failed, uint64_t status, bool restarts)
{
    if (failed) {
        vm_fail(vm, "a test");
    } else {
        vm_end(vm, status, "a test");
    }
    uint64_t due_ns = fake_host.now_ns + SECOND;

    assert_int_equal(vm->restart_at_ns, restarts ? due_ns : NEVER_NS);
    assert_int_equal(vm_begin_due_start(vm), restarts ? due_ns : NEVER_NS);
    fake_host.now_ns = due_ns - 1;
    assert_int_equal(vm_begin_due_start(vm), restarts ? due_ns : NEVER_NS);
    assert_int_equal(vm->state, VM_ENDED);
    fake_host.now_ns = due_ns;
    settle(vm);
    assert_int_equal(vm->state, restarts ? VM_RUNNING : VM_ENDED);
}

static void restart_always(void **state)
{
    struct vm *vm = vm_in(VM_RUNNING);
    (void)state;
    vm->config.restart = RESTART_ALWAYS;
    end_and_settle(vm, true, 0, true);
    end_and_settle(vm, false, 0, true);
    end_and_settle(vm, false, 3, true);
    assert_int_equal(vm->starts, 4);
    assert_int_equal(fake_host_logged("[web] restarted"), 3);
}

static void restart_on_failure(void **state)
{
    struct vm *vm = vm_in(VM_RUNNING);
    (void)state;
    vm->config.restart = RESTART_ON_FAILURE;
    end_and_settle(vm, true, 0, true);
    end_and_settle(vm, false, 3, true);
    end_and_settle(vm, false, 0, false);
}

static void restart_never(void **state)
{
    struct vm *vm = vm_in(VM_RUNNING);
    (void)state;
    end_and_settle(vm, true, 1, false);
}

static void a_stop_by_hand_cancels_the_restart(void **state)
{
    struct vm *vm = vm_in(VM_RUNNING);
    (void)state;
    vm->config.restart = RESTART_ALWAYS;
    vm_fail(vm, "a test");
    assert_int_equal(fake_machine_vm_stop(vm, &why), STATUS_OK);
    fake_host.now_ns += 10 * SECOND;
    settle(vm);
    assert_int_equal(vm->state, VM_OFF);
}

static void a_start_by_hand_cancels_the_restart(void **state)
{
    struct vm *vm = vm_in(VM_RUNNING);
    (void)state;
    vm->config.restart = RESTART_ALWAYS;
    vm_fail(vm, "a test");
    assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
    fake_host.now_ns += 10 * SECOND;
    settle(vm);
    assert_int_equal(vm->starts, 2);
}

static void a_restart_that_fails_says_so_and_is_tried_again(void **state)
{
    struct vm *vm = vm_in(VM_RUNNING);
    (void)state;
    vm->config.restart = RESTART_ALWAYS;
    vm_fail(vm, "a test");
    for (unsigned i = 1; i <= 3; i++) {
        fake_host.now_ns += SECOND;
        fake_host.failing_step = fake_host.steps + 1;
        settle(vm);
        assert_int_equal(vm->state, VM_ENDED);
        assert_int_equal(fake_host_logged("[web] not restarted: no frames"), i);
        assert_string_equal(vm->ended.text, i == 1 ? "no frames for the nested page table"
                                                   : "no frames for the guest's memory");
        assert_null(vm_vcpu_core(vm, 0));
        assert_int_equal(vm_begin_due_start(vm), fake_host.now_ns + SECOND);
    }
    fake_host.now_ns += SECOND;
    settle(vm);
    assert_int_equal(vm->state, VM_RUNNING);
    assert_int_equal(vm->starts, 2);
}

// Its CPU may have nothing else to do, so it must not sleep: the VM is still to be torn down.
static void a_restart_that_fails_at_once_is_in_work(void **state)
{
    struct vm *vm = vm_in(VM_RUNNING);
    (void)state;
    vm->config.restart = RESTART_ALWAYS;
    vm_fail(vm, "a test");
    for (unsigned i = 1; i <= 2; i++) { // the second one finds no memory
        fake_host.now_ns += SECOND;
        fake_host.failing_step = fake_host.steps + 1;
        assert_int_equal(vm_begin_due_start(vm), NEVER_NS);
        assert_true(vm_is_in_work(vm));
        assert_int_equal(vm->state, i == 1 ? VM_STARTING : VM_STOPPING);
        fake_machine_finish(vm);
        assert_int_equal(vm->state, VM_ENDED);
        assert_int_equal(fake_host_logged("[web] not restarted: no frames"), i);
        assert_int_equal(vm_begin_due_start(vm), fake_host.now_ns + SECOND);
    }
}

static void a_reset_that_fails_ends_the_vm(void **state)
{
    struct vm *vm = vm_in(VM_RUNNING);
    (void)state;
    fake_host.now_ns += SECOND;
    vm_request_reset(vm);
    fake_host.failing_step = fake_host.steps + 1;
    settle(vm);
    assert_int_equal(vm->state, VM_ENDED);
    assert_true(vm->failed);
    assert_int_equal(fake_host_logged("[web] not reset by itself: no frames"), 1);
    assert_int_equal(vm->restart_at_ns, NEVER_NS); // its line does not ask for one
    fake_host.now_ns += 10 * SECOND;
    settle(vm);
    assert_int_equal(vm->state, VM_ENDED);
}

// ---- What takes long, and what other CPUs see meanwhile ----

static struct host real_host;
static unsigned looks;
static unsigned looked_over; // how often the VM seemed to have ended for good

// Reads what guests_all_ended reads, at any time and on another CPU.
static void look(void)
{
    const struct vm *vm = vm_find(&fake_machine.vmm, "web");
    looks++;
    looked_over += (vm->state == VM_OFF || vm->state == VM_ENDED) && vm->restart_at_ns == NEVER_NS;
}

static uint64_t watched_now_ns(void)
{
    look();
    return real_host.now_ns();
}

static void watched_log(const char *line)
{
    look();
    real_host.log(line);
}

static void *watched_allocate(uint64_t bytes)
{
    look();
    return real_host.allocate(bytes);
}

// How long a start really takes that is to take `ns`.
static uint64_t exact(uint64_t ns)
{
    return ns / RAM_KIB * RAM_KIB;
}

// From now on starts and resets take that long, and other CPUs look meanwhile.
static void slow_down(uint64_t ns)
{
    real_host = fake_host.host;
    fake_host.zero_ns_per_kib = ns / RAM_KIB;
    looks = looked_over = 0;
    fake_host.host.now_ns = watched_now_ns;
    fake_host.host.log = watched_log;
    fake_host.host.allocate = watched_allocate;
}

static void a_restart_is_never_seen_as_the_end(void **state)
{
    struct vm *vm = vm_in(VM_RUNNING);
    (void)state;
    vm->config.restart = RESTART_ALWAYS;
    slow_down(20 * MS);
    for (unsigned i = 0; i < 3; i++) {
        looks = 0;
        if (i % 2) {
            vm_fail(vm, "a test");
        } else {
            vm_end(vm, 0, "a test");
        }
        assert_true(looks > 0);
        looks = 0;
        fake_host.now_ns += SECOND;
        settle(vm);
        assert_int_equal(vm->state, VM_RUNNING);
        assert_true(looks > 0);
    }
    assert_int_equal(looked_over, 0);
}

static void a_restart_that_fails_is_not_seen_as_the_end(void **state)
{
    struct vm *vm = vm_in(VM_RUNNING);
    (void)state;
    vm->config.restart = RESTART_ALWAYS;
    slow_down(20 * MS);
    vm_fail(vm, "a test");
    for (unsigned i = 1; i <= 3; i++) {
        fake_host.now_ns += SECOND;
        fake_host.failing_step = fake_host.steps + i; // at another place each time
        looks = 0;
        settle(vm);
        assert_int_equal(vm->state, VM_ENDED);
        assert_true(looks > 0);
    }
    assert_int_equal(looked_over, 0);
}

// The line must be in the log before the end is seen, or the machine could be off before the line
// is out.
static void an_end_for_good_is_seen_when_it_is_logged(void **state)
{
    struct vm *vm = vm_in(VM_RUNNING);
    (void)state;
    slow_down(0);
    vm_fail(vm, "a test");
    assert_true(looks > 0);
    assert_int_equal(looked_over, 0);
    assert_int_equal(vm->state, VM_ENDED);
    assert_int_equal(vm->restart_at_ns, NEVER_NS);
}

static void builds_take_the_vms_own_time(void **state)
{
    struct vm *vm = vm_in(VM_RUNNING);
    const struct account *account = &fake_machine.schedulers[0].accounts[vm->index];
    uint64_t before_ns = account->used_ns;
    (void)state;
    slow_down(30 * MS);
    fake_host.now_ns += SECOND;
    vm_request_reset(vm);
    while (vm->starts < 2) {
        assert_true(fake_machine_step(0, NULL));
    }
    assert_int_equal(vm->build_ns, exact(30 * MS));
    assert_int_equal(account->used_ns, before_ns + exact(30 * MS));
    assert_int_equal(fake_machine.schedulers[0].busy_ns, exact(30 * MS));
    assert_int_equal(vm_reset(vm, &why), STATUS_OK);
    fake_host.failing_step = fake_host.steps + 4; // the start fails when all memory is zero
    while (vm->state != VM_OFF) {
        assert_true(fake_machine_step(0, NULL));
    }
    assert_int_equal(account->used_ns, before_ns + 2 * exact(30 * MS));
}

static void next_reset_is_due_after(struct vm *vm, uint64_t build_ns, uint64_t interval_ns)
{
    fake_host.zero_ns_per_kib = build_ns / RAM_KIB;
    assert_int_equal(fake_machine_vm_reset(vm, &why), STATUS_OK);
    unsigned starts = vm->starts;
    uint64_t due_ns = fake_host.now_ns + interval_ns;

    vm_request_reset(vm);
    assert_int_equal(vm_begin_due_start(vm), due_ns);
    fake_host.now_ns = due_ns - 1;
    assert_int_equal(vm_begin_due_start(vm), due_ns);
    assert_int_equal(vm->starts, starts);
    fake_host.now_ns = due_ns;
    settle(vm);
    assert_int_equal(vm->starts, starts + 1);
}

static void slow_resets_are_seldom(void **state)
{
    struct vm *vm = vm_in(VM_RUNNING);
    (void)state;
    slow_down(0);
    next_reset_is_due_after(vm, 0, 100 * MS);
    next_reset_is_due_after(vm, 5 * MS, 100 * MS);
    next_reset_is_due_after(vm, 10 * MS, 100 * MS);
    next_reset_is_due_after(vm, 11 * MS, 10 * exact(11 * MS));
    next_reset_is_due_after(vm, 2 * SECOND, 10 * exact(2 * SECOND));
}

// ---- Resets by the guest ----

static void a_reset_by_the_guest_starts_it_anew(void **state)
{
    struct vm *vm = vm_in(VM_RUNNING);
    uint64_t started_ns = fake_host.now_ns;
    (void)state;
    fake_host.now_ns += SECOND;
    vm->vcpus[0]->core.work = 0;
    vm_request_reset(vm);
    assert_true(vm->vcpus[0]->core.work & WORK_STOP);
    assert_false(vm_wants_to_run(vm));
    settle(vm);
    assert_true(vm_wants_to_run(vm));
    assert_int_equal(vm->starts, 2);
    assert_int_equal(fake_host_logged("[web] reset by itself"), 1);
    assert_true(vm->started_ns > started_ns);
}

static void resets_by_the_guest_have_their_pace(void **state)
{
    struct vm *vm = vm_in(VM_RUNNING);
    uint64_t due_ns = fake_host.now_ns + 100 * MS;
    (void)state;
    vm_request_reset(vm);
    assert_int_equal(vm_begin_due_start(vm), due_ns);
    assert_int_equal(vm->starts, 1);
    fake_host.now_ns = due_ns;
    settle(vm);
    assert_int_equal(vm->starts, 2);
}

static void a_reset_waits_for_the_end_of_a_pause(void **state)
{
    struct vm *vm = vm_in(VM_RUNNING);
    (void)state;
    fake_host.now_ns += SECOND;
    vm_request_reset(vm);
    assert_int_equal(vm_pause(vm, &why), STATUS_OK);
    settle(vm);
    assert_int_equal(vm->starts, 1);
    assert_int_equal(vm_resume(vm, &why), STATUS_OK);
    settle(vm);
    assert_int_equal(vm->starts, 2);
}

static void an_end_wins_over_a_reset(void **state)
{
    struct vm *vm = vm_in(VM_RUNNING);
    (void)state;
    fake_host.now_ns += SECOND;
    vm_request_reset(vm);
    vm_fail(vm, "a test");
    settle(vm);
    assert_int_equal(vm->state, VM_ENDED);
    assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
    assert_true(vm_wants_to_run(vm)); // the old request is forgotten
}

static void a_debugger_holds_resets_and_restarts(void **state)
{
    struct vm *vm = vm_in(VM_RUNNING);
    (void)state;
    fake_host.now_ns += SECOND;
    vm->caught = true;
    vm_request_reset(vm);
    settle(vm);
    assert_int_equal(vm->starts, 1);
    assert_int_equal(vm_begin_due_start(vm), NEVER_NS);
    vm->caught = false;
    settle(vm);
    assert_int_equal(vm->starts, 2);
    vm->config.restart = RESTART_ALWAYS;
    vm->caught = true;
    vm_fail(vm, "a test");
    fake_host.now_ns += 2 * SECOND;
    assert_int_equal(vm_begin_due_start(vm), NEVER_NS);
    assert_int_equal(vm->state, VM_ENDED);
    vm->caught = false;
    settle(vm);
    assert_int_equal(vm->starts, 3);
}

// ---- Leaks ----

static void a_thousand_starts_leak_nothing(void **state)
{
    struct vm *vm = fake_machine_add("web");
    unsigned allocations = fake_host.live_allocations;
    uint64_t bytes = fake_host.live_bytes;
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
        assert_int_equal(fake_machine_vm_reset(vm, &why), STATUS_OK);
        if (i % 3 == 0) {
            vm_fail(vm, "a test");
        } else if (i % 3 == 1) {
            assert_int_equal(vm_pause(vm, &why), STATUS_OK);
        }
        assert_int_equal(fake_machine_vm_stop(vm, &why), STATUS_OK);
        assert_int_equal(fake_host.live_allocations, allocations);
        assert_int_equal(fake_host.live_bytes, bytes);
        assert_int_equal(fake_host.live_spaces, 0);
        assert_int_equal(fake_backend.live_vcpus, 0);
        assert_int_equal(fake_backend.live_nested, 0);
    }
    assert_int_equal(vm->starts, 2000);
}

static int tear_down(void **state)
{
    (void)state;
    fake_machine_free();
    return 0;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

static const struct CMUnitTest tests[] = {
    TEST(a_new_vm_is_off),
    TEST(names_are_taken_once),
    TEST(there_are_at_most_64),
    TEST(memory_is_what_the_machine_has),
    TEST(no_frames_for_another_vm),
    TEST(vms_are_spread_and_start_beside_cpu_0),
    TEST(a_single_cpu_takes_all),
    TEST(only_cpus_that_run_guests_get_some),
    TEST(without_such_cpus_there_are_still_vms),
    TEST(pins_must_exist),
    TEST(vcpus_take_their_cpus_in_turn),
    TEST(each_cpu_of_a_list_must_exist),
    TEST(linked_payloads_make_vms),
    TEST(modules_are_limited),
    TEST(nothing_to_run_does_not_start),
    TEST(a_machine_without_a_back_end_says_why),
    TEST(every_operation_in_every_state),
    TEST(refusals_say_the_state),
    TEST(states_have_names),
    TEST(starting_again_forgets_the_end),
    TEST(a_pause_stops_clock_and_tsc),
    TEST(a_pause_moves_timers),
    TEST(a_reset_starts_the_clock_anew),
    TEST(an_end_is_logged_once_and_stays),
    TEST(restart_always),
    TEST(restart_on_failure),
    TEST(restart_never),
    TEST(a_stop_by_hand_cancels_the_restart),
    TEST(a_start_by_hand_cancels_the_restart),
    TEST(a_restart_that_fails_says_so_and_is_tried_again),
    TEST(a_restart_that_fails_at_once_is_in_work),
    TEST(a_reset_that_fails_ends_the_vm),
    TEST(a_restart_is_never_seen_as_the_end),
    TEST(a_restart_that_fails_is_not_seen_as_the_end),
    TEST(an_end_for_good_is_seen_when_it_is_logged),
    TEST(builds_take_the_vms_own_time),
    TEST(slow_resets_are_seldom),
    TEST(a_reset_by_the_guest_starts_it_anew),
    TEST(resets_by_the_guest_have_their_pace),
    TEST(a_reset_waits_for_the_end_of_a_pause),
    TEST(a_debugger_holds_resets_and_restarts),
    TEST(an_end_wins_over_a_reset),
    TEST(a_thousand_starts_leak_nothing),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
