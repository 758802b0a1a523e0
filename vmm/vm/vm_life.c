// SPDX-License-Identifier: MIT
// The life of a VM: start, stop, pause, resume, reset, restart.
#include "vmm/vm/vm_life.h"

#include "vmm/host.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"
#include "vmm/vm/scheduler.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_balloon.h"
#include "vmm/vm/vm_build.h"
#include "vmm/vm/vm_call.h"
#include "vmm/vm/vm_hold.h"

// The least time between two resets that a guest asks for. Each takes host time and a line of the
// log.
#define RESET_INTERVAL_NS 100000000ULL
// How soon a reset looks again whether other CPUs have released their vCPUs. The last one to do so
// kicks the home CPU, so it seldom takes that long.
#define RETRY_NS 1000000ULL

// ---- On the VM's home CPU ----

// From now on the VM's home CPU tears the VM down in pieces (vm_continue).
static void begin_stop(struct vm *vm, bool ends)
{
    vm->ends = ends;
    vm_set_state(vm, VM_STOPPING);
}

// The VM is seized. If there is memory for it, its home CPU goes on with the start (vm_continue). A
// refusal changes nothing.
static enum status begin_start(struct vm *vm, enum start_cause cause, struct reason *why)
{
    vm->start_cause = cause;
    enum status status = vm_build(vm, why);
    if (status != STATUS_OK) {
        return status;
    }
    vm->ending = false;
    vm->ended.text[0] = '\0';
    vm->build_ns = 0;
    vm_set_state(vm, VM_STARTING);
    __atomic_store_n(&vm->resize_requested, false, __ATOMIC_RELAXED);
    __atomic_store_n(&vm->reset_requested, false, __ATOMIC_RELEASE);
    return STATUS_OK;
}

static enum status start_by_hand(struct vm *vm, enum start_cause cause, struct reason *why)
{
    if (!vm_seize(vm)) {
        return refuse(why, STATUS_BUSY, "%s still runs", vm->config.name);
    }
    enum status status = begin_start(vm, cause, why);
    if (status != STATUS_OK && (vm->state == VM_RUNNING || vm->state == VM_PAUSED)) {
        vm_unseize(vm);
    }
    return status;
}

static enum status start_here(struct vm *vm, struct reason *why)
{
    if (vm->state != VM_OFF && vm->state != VM_ENDED && vm->state != VM_STOPPING) {
        return refuse(why, STATUS_BUSY, "%s is %s", vm->config.name, vm_state_name(vm->state));
    }
    return start_by_hand(vm, START_BY_HAND, why);
}

static enum status stop_here(struct vm *vm, struct reason *why)
{
    if (vm->state == VM_OFF) {
        return refuse(why, STATUS_BUSY, "%s is off already", vm->config.name);
    }
    if (!vm_seize(vm)) {
        return refuse(why, STATUS_BUSY, "%s still runs", vm->config.name);
    }
    begin_stop(vm, false);
    return STATUS_OK;
}

void vm_stop_clock(struct vm *vm)
{
    vm->paused_at_tsc = vm->vmm->host->tsc();
    vm->paused_at_ns = vm->vmm->host->ns_at_tsc(vm->paused_at_tsc);
}

void vm_let_clock_run(struct vm *vm)
{
    uint64_t tsc = vm->vmm->host->tsc();
    vm->clock_base_ns += vm->vmm->host->ns_at_tsc(tsc) - vm->paused_at_ns;
    vm->tsc_offset -= tsc - vm->paused_at_tsc;
}

static enum status pause_here(struct vm *vm, struct reason *why)
{
    if (vm->state != VM_RUNNING) {
        return refuse(why, STATUS_BUSY, "%s is %s, not running", vm->config.name,
                      vm_state_name(vm->state));
    }
    vm_stop_clock(vm);
    vm_set_state(vm, VM_PAUSED);
    return STATUS_OK;
}

static enum status resume_here(struct vm *vm, struct reason *why)
{
    if (vm->state != VM_PAUSED) {
        return refuse(why, STATUS_BUSY, "%s is %s, not paused", vm->config.name,
                      vm_state_name(vm->state));
    }
    vm_let_clock_run(vm);
    vm_set_state(vm, VM_RUNNING);
    return STATUS_OK;
}

static enum status reset_here(struct vm *vm, struct reason *why)
{
    if (vm->state == VM_OFF) {
        return refuse(why, STATUS_BUSY, "%s is off: start it", vm->config.name);
    }
    if (vm_is_in_work(vm)) {
        return refuse(why, STATUS_BUSY, "%s is %s", vm->config.name, vm_state_name(vm->state));
    }
    return start_by_hand(vm, RESET_BY_HAND, why);
}

// What the log calls a start that is complete.
static const char *start_name(enum start_cause cause)
{
    static const char *const names[] = {[START_BY_HAND] = "started",
                                        [RESET_BY_HAND] = "reset",
                                        [RESET_BY_GUEST] = "reset by itself",
                                        [RESTART] = "restarted"};
    return names[cause];
}

static void let_run(struct vm *vm)
{
    vm->started_ns = vm->vmm->host->now_ns();
    vm->starts++;
    host_log(vm->vmm->host, "[%s] %s", vm->config.name, start_name(vm->start_cause));
    vm_set_state(vm, VM_RUNNING);
    vm_unseize(vm);
    scheduler_look_at(vm);
}

// A part of a resize. What the devices ask for at its end is another one.
static void resize(struct vm *vm, uint64_t end_ns)
{
    if (!vm_balloon_continue(vm, end_ns)) {
        return;
    }
    vm_set_state(vm, VM_RUNNING);
    vm_unseize(vm);
    scheduler_look_at(vm);
    if (vm->balloon->lost) {
        vm_fail(vm, "it uses memory that it gave away, and the machine has none left");
    }
}

// A start has failed, and the log tells it, because nobody waits for an answer. After a reset by
// the guest or a restart, the VM ends, and is tried again later if its line says so.
static void give_up(struct vm *vm, const struct reason *why)
{
    host_log(vm->vmm->host, "[%s] not %s: %s", vm->config.name, start_name(vm->start_cause),
             why->text);
    vm->ended = *why;
    begin_stop(vm, vm->start_cause == RESET_BY_GUEST || vm->start_cause == RESTART);
}

// The VM has nothing left.
static void end_stop(struct vm *vm)
{
    if (vm->ends) {
        vm_set_ended(vm, true);
    } else {
        vm_set_state(vm, VM_OFF);
        vm->restart_at_ns = NEVER_NS;
    }
}

void vm_continue(struct vm *vm, uint64_t end_ns)
{
    if (vm->state == VM_RESIZING) {
        resize(vm, end_ns);
        return;
    }
    const struct host *host = vm->vmm->host;
    uint64_t begin_ns = host->now_ns();
    struct reason why = {""};
    bool stops = vm->state == VM_STOPPING;
    bool done = false;
    enum status status = STATUS_OK;
    if (stops) {
        done = vm_tear_down(vm, end_ns);
    } else {
        status = vm_build_continue(vm, end_ns, &done, &why);
    }
    vm->build_ns += host->now_ns() - begin_ns;
    if (status != STATUS_OK) {
        give_up(vm, &why);
    } else if (done && stops) {
        end_stop(vm);
    } else if (done) {
        let_run(vm);
    }
}

// What the VM waits for, if it has to wait until no vCPU is held: a reset comes before a resize.
enum change { CHANGE_NONE, CHANGE_RESET, CHANGE_RESTART, CHANGE_RESIZE };

static enum change wanted_change(const struct vm *vm)
{
    enum vm_state state = vm_get_state(vm); // a vCPU on another CPU may end the VM now
    bool caught = __atomic_load_n(&vm->caught, __ATOMIC_ACQUIRE);
    if (state == VM_ENDED && vm->restart_at_ns != NEVER_NS) {
        return caught ? CHANGE_NONE : CHANGE_RESTART;
    }
    if (state != VM_RUNNING || vm_is_held_back(vm)) {
        return CHANGE_NONE;
    }
    if (__atomic_load_n(&vm->reset_requested, __ATOMIC_ACQUIRE)) {
        return caught ? CHANGE_NONE : CHANGE_RESET;
    }
    return __atomic_load_n(&vm->resize_requested, __ATOMIC_ACQUIRE) ? CHANGE_RESIZE : CHANGE_NONE;
}

static uint64_t due_ns(const struct vm *vm, enum change change)
{
    if (change == CHANGE_RESET) {
        return vm->started_ns + vm_pause_between_starts_ns(vm, RESET_INTERVAL_NS);
    }
    return change == CHANGE_RESTART ? vm->restart_at_ns : 0;
}

static void begin(struct vm *vm, enum change change)
{
    struct reason why = {""};
    if (change == CHANGE_RESIZE) {
        __atomic_store_n(&vm->resize_requested, false, __ATOMIC_RELAXED);
        vm->balloon->lacks = false;
        vm_set_state(vm, VM_RESIZING);
    } else if (begin_start(vm, change == CHANGE_RESET ? RESET_BY_GUEST : RESTART, &why) !=
               STATUS_OK) {
        give_up(vm, &why);
    }
}

uint64_t vm_begin_due_start(struct vm *vm)
{
    enum change change = wanted_change(vm);
    if (change == CHANGE_NONE) {
        return NEVER_NS;
    }
    uint64_t now_ns = vm->vmm->host->now_ns();
    if (now_ns < due_ns(vm, change)) {
        return due_ns(vm, change);
    }
    vm_release_here(vm);
    if (!vm_seize(vm)) {
        return now_ns + RETRY_NS;
    }
    if (change != CHANGE_RESTART && vm->state != VM_RUNNING) {
        vm_unseize(vm); // another vCPU ended the VM before its CPU released it
        return now_ns;
    }
    begin(vm, change);
    return NEVER_NS;
}

// ---- On CPU 0, for the monitor ----

enum status vm_start(struct vm *vm, struct reason *why)
{
    if (!vm->vmm->ops) {
        return refuse(why, STATUS_UNSUPPORTED, "%s", vm->vmm->no_guests.text);
    }
    if (vm->refused.text[0] != '\0') {
        return refuse(why, STATUS_INVALID, "%s", vm->refused.text);
    }
    if (vm->payload_count == 0) {
        return refuse(why, STATUS_INVALID, "%s has nothing to run", vm->config.name);
    }
    return vm_on_home_cpu(vm, start_here, why);
}

enum status vm_stop(struct vm *vm, struct reason *why)
{
    return vm_on_home_cpu(vm, stop_here, why);
}

enum status vm_pause(struct vm *vm, struct reason *why)
{
    return vm_on_home_cpu(vm, pause_here, why);
}

enum status vm_resume(struct vm *vm, struct reason *why)
{
    return vm_on_home_cpu(vm, resume_here, why);
}

enum status vm_reset(struct vm *vm, struct reason *why)
{
    return vm_on_home_cpu(vm, reset_here, why);
}
