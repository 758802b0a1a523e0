// SPDX-License-Identifier: MIT
// Commands that list VMs and change their state.
#include "vmm/monitor/monitor_commands_vm.h"

#include "vmm/console/console.h"
#include "vmm/host.h"
#include "vmm/monitor/inspect.h"
#include "vmm/monitor/monitor.h"
#include "vmm/monitor/monitor_arguments.h"
#include "vmm/monitor/monitor_attach.h"
#include "vmm/monitor/monitor_names.h"
#include "vmm/monitor/monitor_output.h"
#include "vmm/monitor/monitor_text.h"
#include "vmm/util/format.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_create.h"
#include "vmm/vm/vm_life.h"
#include "vmm/vm/vm_lines.h"

// How much of the VM's memory is zeroed already: that is what takes the time of a start.
static struct monitor_text progress_text(const struct vm *vm)
{
    uint64_t zeroed = __atomic_load_n(&vm->zeroed_bytes, __ATOMIC_RELAXED);
    struct monitor_text text;
    format_text(text.text, sizeof(text.text), "%u %%",
                (unsigned)MIN(100, zeroed / (vm->config.memory_bytes / 100)));
    return text;
}

static struct monitor_text uptime_text(const struct vm *vm)
{
    uint64_t now = vm->state == VM_PAUSED ? vm->paused_at_ns : vm->vmm->host->now_ns();
    if (monitor_is_over(vm)) {
        return monitor_end_text(vm);
    }
    if (vm->state == VM_STARTING) {
        return progress_text(vm);
    }
    return monitor_duration_text(now - MIN(now, vm->clock_base_ns));
}

static struct monitor_text exits_text(struct vm *vm)
{
    struct monitor_text text = {"?"};
    uint64_t total;
    if (inspect_exit_total(vm, &total) == STATUS_OK) {
        format_text(text.text, sizeof(text.text), "%llu", (unsigned long long)total);
    }
    return text;
}

// What is not as usual, behind the uptime.
static struct monitor_text remarks_text(const struct monitor *monitor, unsigned index)
{
    unsigned share = monitor->vmm->vms[index]->config.share;
    const char *muted = monitor->muted & BIT(index) ? ", muted" : "";
    struct monitor_text text;
    if (share == 0 || share == VM_SHARE_DEFAULT) {
        format_text(text.text, sizeof(text.text), "%s", muted);
    } else {
        format_text(text.text, sizeof(text.text), ", share %u%s", share, muted);
    }
    return text;
}

static void show_vm(struct monitor *monitor, unsigned index)
{
    struct vm *vm = monitor->vmm->vms[index];
    struct monitor_text exits = exits_text(vm); // this finds out whether the VM is stuck
    console_format(monitor->console, "%-15s  %-8s  %5u  %9s  %12s  %s%s\n", vm->config.name,
                   monitor_state_name(vm), vm->config.vcpus,
                   monitor_size_text(vm->config.memory_bytes).text, exits.text,
                   uptime_text(vm).text, remarks_text(monitor, index).text);
}

void command_vms(struct monitor *monitor, const struct arguments *arguments)
{
    (void)arguments;
    if (monitor->vmm->vm_count == 0) {
        console_print(monitor->console, "there are no VMs; 'start' lists what may be one\n");
        return;
    }
    console_format(monitor->console, "%-15s  %-8s  %5s  %9s  %12s  %s\n", "NAME", "STATE", "VCPUS",
                   "MEMORY", "EXITS", "UPTIME");
    for (unsigned i = 0; i < monitor->vmm->vm_count; i++) {
        show_vm(monitor, i);
    }
}

// Changes the state of the VM of that name, and tells the user the result.
static void change(struct monitor *monitor, const char *name, const char *command,
                   enum status (*operation)(struct vm *vm, struct reason *why), const char *done)
{
    struct vm *vm = monitor_find_vm(monitor, name);
    struct reason why = {""};
    if (!vm) {
        return;
    }
    if (operation(vm, &why) != STATUS_OK) {
        console_format(monitor->console, "%s: %s\n", command, why.text);
        return;
    }
    // What the guest has sent comes before the answer, which would scroll off the screen.
    if (!vm_wants_to_run(vm)) {
        monitor_flush_vm(monitor, vm);
    }
    console_format(monitor->console, "%s %s\n", name, done);
}

void command_stop(struct monitor *monitor, const struct arguments *arguments)
{
    change(monitor, arguments->words[0], "stop", vm_stop, "stopped");
}

void command_pause(struct monitor *monitor, const struct arguments *arguments)
{
    change(monitor, arguments->words[0], "pause", vm_pause, "paused");
}

void command_resume(struct monitor *monitor, const struct arguments *arguments)
{
    change(monitor, arguments->words[0], "resume", vm_resume, "goes on");
}

void command_reset(struct monitor *monitor, const struct arguments *arguments)
{
    change(monitor, arguments->words[0], "reset", vm_reset, "starts again");
}

void command_console(struct monitor *monitor, const struct arguments *arguments)
{
    struct vm *vm = monitor_find_vm(monitor, arguments->words[0]);
    enum vm_line line;
    if (vm && monitor_find_line(monitor, vm, arguments, &line)) {
        monitor_attach(monitor, vm, line);
    }
}

void command_mute(struct monitor *monitor, const struct arguments *arguments)
{
    const char *name = arguments->words[0];
    const struct vm *vm = monitor_find_vm(monitor, name);
    if (vm) {
        monitor->muted |= BIT(vm->index);
        console_format(monitor->console, "%s is muted; 'log %s' shows what it sends\n", name, name);
    }
}

void command_unmute(struct monitor *monitor, const struct arguments *arguments)
{
    const char *name = arguments->words[0];
    const struct vm *vm = monitor_find_vm(monitor, name);
    if (vm) {
        monitor->muted &= ~BIT(vm->index);
        console_format(monitor->console, "what %s sends is shown again\n", name);
    }
}

static const char *purpose(const struct vmm *vmm, const char *name)
{
    for (unsigned i = 0; i < vmm->linked_count; i++) {
        if (text_equal(vmm->linked[i].name, name)) {
            return vmm->linked[i].purpose;
        }
    }
    return NULL;
}

static void list_startable(struct monitor *monitor)
{
    struct vmm *vmm = monitor->vmm;
    unsigned listed = 0;
    const char *name;
    for (unsigned i = 0; (name = monitor_startable_name(vmm, i)); i++) {
        const struct vm *vm = vm_find(vmm, name);
        const char *what = purpose(vmm, name);
        if (vm && !monitor_is_over(vm)) {
            continue;
        }
        console_format(monitor->console, "  %-15s  %s\n", name,
                       what ? what : monitor_end_text(vm).text);
        listed++;
    }
    if (listed == 0) {
        console_print(monitor->console, "everything runs that can be started\n");
    }
}

static bool is_startable(const struct monitor *monitor, const char *name)
{
    const char *known;
    for (unsigned i = 0; (known = monitor_startable_name(monitor->vmm, i)); i++) {
        if (text_equal(known, name)) {
            return true;
        }
    }
    return false;
}

// Makes sure that there is a VM of that name: if not, makes one from the linked payload.
static bool ensure_vm(struct monitor *monitor, const char *name)
{
    struct reason why = {""};
    struct vm *vm;
    if (!vm_find(monitor->vmm, name) &&
        vm_create_linked(monitor->vmm, name, &vm, &why) != STATUS_OK) {
        console_format(monitor->console, "start: %s\n", why.text);
        return false;
    }
    return true;
}

void command_start(struct monitor *monitor, const struct arguments *arguments)
{
    const char *name = arguments->words[0];
    const char *guess;
    if (!monitor->vmm->ops) {
        console_format(monitor->console, "this machine runs no guests: %s\n",
                       monitor->vmm->no_guests.text);
    } else if (arguments->count == 0) {
        list_startable(monitor);
    } else if (is_startable(monitor, name)) {
        if (ensure_vm(monitor, name)) {
            change(monitor, name, "start", vm_start, "starts");
        }
    } else {
        guess = monitor_startable_near_miss(monitor->vmm, name);
        console_format(monitor->console, "nothing is named '%s'; %s%s%s'start' lists what is\n",
                       name, guess ? "did you mean '" : "", guess ? guess : "", guess ? "'? " : "");
    }
}
