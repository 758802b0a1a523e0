// SPDX-License-Identifier: MIT
// What the vCPUs of a VM may do to it: end it, or ask for its reset.
#include "vmm/vm/vm.h"

#include <stdarg.h>

#include "vmm/backend.h"
#include "vmm/host.h"
#include "vmm/util/format.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/types.h"
#include "vmm/vm/scheduler.h"

// The least time between the end of a VM and its restart. Without it, a VM that fails at once would
// fill the log.
#define RESTART_DELAY_NS NS_PER_S
// A VM waits at least this many times as long as its last start took. Otherwise a VM whose start
// takes long would fill its CPU with starts.
#define PAUSE_STARTS 10

const char *vm_state_name(enum vm_state state)
{
    static const char *const names[] = {
        [VM_OFF] = "off",          [VM_STARTING] = "starting", [VM_RUNNING] = "running",
        [VM_PAUSED] = "paused",    [VM_ENDED] = "ended",       [VM_STOPPING] = "stopping",
        [VM_RESIZING] = "resizing"};
    return names[state];
}

uint64_t vm_pause_between_starts_ns(const struct vm *vm, uint64_t least_ns)
{
    return MAX(least_ns, PAUSE_STARTS * vm->build_ns);
}

static bool wants_restart(const struct vm *vm)
{
    return vm->config.restart == RESTART_ALWAYS ||
           (vm->config.restart == RESTART_ON_FAILURE && (vm->failed || vm->exit_status != 0));
}

void vm_set_ended(struct vm *vm, bool failed)
{
    vm->failed = failed;
    uint64_t delay_ns = vm_pause_between_starts_ns(vm, RESTART_DELAY_NS);
    vm->restart_at_ns = wants_restart(vm) ? vm->vmm->host->now_ns() + delay_ns : NEVER_NS;
    vm_set_state(vm, VM_ENDED);
}

static void stop_vcpus(struct vm *vm)
{
    for (unsigned i = 0; i < vm->config.vcpus; i++) {
        scheduler_notify(vm->vcpus[i], WORK_STOP, WAKE_ALWAYS);
    }
    scheduler_look_at(vm);
}

void vm_request_reset(struct vm *vm)
{
    __atomic_store_n(&vm->reset_requested, true, __ATOMIC_RELEASE);
    stop_vcpus(vm);
}

void vm_request_resize(struct vm *vm)
{
    __atomic_store_n(&vm->resize_requested, true, __ATOMIC_RELEASE);
    stop_vcpus(vm);
}

static bool is_first_end(struct vm *vm)
{
    return !__atomic_exchange_n(&vm->ending, true, __ATOMIC_ACQ_REL);
}

static void end(struct vm *vm, bool failed)
{
    // This line comes first: once the VM has ended, the machine may be switched off
    // (on-idle=poweroff).
    host_log(vm->vmm->host, "[%s] %s: %s", vm->config.name, failed ? "stopped" : "ended",
             vm->ended.text);
    vm_set_ended(vm, failed);
    stop_vcpus(vm);
}

void vm_fail(struct vm *vm, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (is_first_end(vm)) {
        format_text_v(vm->ended.text, sizeof(vm->ended.text), format, arguments);
        end(vm, true);
    }
    va_end(arguments);
}

void vm_end(struct vm *vm, uint64_t status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (is_first_end(vm)) {
        vm->exit_status = status;
        format_text_v(vm->ended.text, sizeof(vm->ended.text), format, arguments);
        end(vm, false);
    }
    va_end(arguments);
}
