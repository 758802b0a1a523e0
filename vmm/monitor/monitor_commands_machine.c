// SPDX-License-Identifier: MIT
// Commands about the machine itself.
#include "vmm/monitor/monitor_commands_machine.h"

#include "vmm/board/pc_virtio.h"
#include "vmm/console/console.h"
#include "vmm/devices/virtio/virtio_balloon.h"
#include "vmm/host.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/monitor/monitor.h"
#include "vmm/monitor/monitor_arguments.h"
#include "vmm/monitor/monitor_names.h"
#include "vmm/monitor/monitor_output.h"
#include "vmm/monitor/monitor_text.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"
#include "vmm/vm/scheduler.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_balloon.h"
#include "vmm/vm/vm_call.h"
#include "vmm/vm/vm_life.h"

#define CPU_TEXT_BYTES 64

// Shows the VM's name once for each vCPU on that CPU, with the vCPU's number if the VM has several.
static void show_vcpus(struct monitor *monitor, const struct vm *vm, unsigned cpu)
{
    for (unsigned i = 0; i < vm->config.vcpus; i++) {
        if (vm->slots[i].cpu != cpu) {
            continue;
        }
        console_format(monitor->console, " %s", vm->config.name);
        if (vm->config.vcpus > 1) {
            console_format(monitor->console, "/%u", i);
        }
        if (vm->state != VM_RUNNING || vm_is_stuck(vm)) {
            console_format(monitor->console, " (%s)", monitor_state_name(vm));
        }
    }
}

static unsigned percent(const uint64_t *part_ns, uint64_t all_ns)
{
    return (unsigned)(__atomic_load_n(part_ns, __ATOMIC_RELAXED) / MAX(all_ns / 100, 1));
}

// How this CPU has spent the time since boot: in guests, in Husk's own work, and idle.
static void show_use(struct monitor *monitor, unsigned cpu)
{
    const struct scheduler *scheduler = monitor->vmm->schedulers[cpu];
    uint64_t now = monitor->vmm->host->now_ns();
    if (scheduler) {
        console_format(monitor->console, "%3u%%  %3u%%  %3u%%", percent(&scheduler->busy_ns, now),
                       percent(&scheduler->house_ns, now), percent(&scheduler->idle_ns, now));
    } else {
        console_format(monitor->console, "%4s  %4s  %4s", "-", "-", "-");
    }
}

static void show_cpu(struct monitor *monitor, unsigned cpu)
{
    char text[CPU_TEXT_BYTES] = "";
    if (!monitor->vmm->host->answers(cpu)) {
        text_copy(text, sizeof(text), "stuck: does not answer");
    } else if (monitor->machine->describe_cpu) {
        monitor->machine->describe_cpu(cpu, text, sizeof(text));
    }
    console_format(monitor->console, "%3u  ", cpu);
    show_use(monitor, cpu);
    console_format(monitor->console, "  %-24s ", text);
    for (unsigned i = 0; i < monitor->vmm->vm_count; i++) {
        const struct vm *vm = monitor->vmm->vms[i];
        if (!monitor_is_over(vm)) {
            show_vcpus(monitor, vm, cpu);
        }
    }
    console_print(monitor->console, "\n");
}

void command_cpus(struct monitor *monitor, const struct arguments *arguments)
{
    unsigned count = monitor->vmm->host->cpu_count();
    (void)arguments;
    console_format(monitor->console, "%3s  %4s  %4s  %4s  %-24s  %s\n", "CPU", "VMS", "HUSK",
                   "IDLE", "", "VCPUS (VM/VCPU)");
    for (unsigned cpu = 0; cpu < count; cpu++) {
        show_cpu(monitor, cpu);
    }
}

void command_machine(struct monitor *monitor, const struct arguments *arguments)
{
    (void)arguments;
    if (monitor->machine->describe) {
        monitor->machine->describe(&monitor->sink);
    }
}

static void show_memory(struct monitor *monitor, const char *whose, uint64_t bytes, uint64_t unused)
{
    console_format(monitor->console, "%-15s  %10s  %10s\n", whose, monitor_size_text(bytes).text,
                   monitor_size_text(unused).text);
}

// What it has, what its guest does not use, and what it has given away.
static void show_vm_memory(struct monitor *monitor, struct vm *vm)
{
    uint64_t given = vm->space.holes * HOST_UNIT_BYTES;
    // What was written to its disks counts, and may outlive its RAM.
    uint64_t bytes = guest_memory_size(&vm->memory) + vm->space.store_bytes - given;
    if (bytes == 0) {
        return;
    }
    console_format(monitor->console, "  %-13s  %10s", vm->config.name,
                   monitor_size_text(bytes).text);
    if (vm->balloon) {
        const uint64_t *told = vm->balloon->device.balloon.statistics;
        uint64_t unused = told[BALLOON_STATISTIC_AVAILABLE];
        unused = unused ? unused : told[BALLOON_STATISTIC_FREE];
        console_format(monitor->console, "  %10s  %10s", monitor_size_text(unused).text,
                       monitor_size_text(given).text);
        (void)!vm_call(vm, 0, vm_balloon_tell, NULL, NULL);
    }
    console_print(monitor->console, "\n");
}

void command_memory(struct monitor *monitor, const struct arguments *arguments)
{
    struct host_memory_use use = monitor->vmm->host->memory_use();
    (void)arguments;
    console_format(monitor->console, "%-15s  %10s  %10s  %10s\n", "WHOSE", "SIZE", "FREE", "GIVEN");
    show_memory(monitor, "Husk", use.hypervisor_bytes, use.hypervisor_free);
    show_memory(monitor, "all guests", use.guest_bytes, use.guest_free);
    for (unsigned i = 0; i < monitor->vmm->vm_count; i++) {
        show_vm_memory(monitor, monitor->vmm->vms[i]);
    }
}

// A guest that gets memory back may use it at once, so the machine must have it. Returns what the
// VM may not give away less than.
static uint64_t least_given(const struct monitor *monitor, const struct vm *vm)
{
    uint64_t given = vm->space.holes * HOST_UNIT_BYTES;
    return given - MIN(given, monitor->vmm->host->memory_use().guest_free);
}

void command_balloon(struct monitor *monitor, const struct arguments *arguments)
{
    struct vm *vm = monitor_find_running(monitor, "balloon", arguments->words[0]);
    uint64_t bytes;
    struct reason why = {""};
    if (!vm || !monitor_find_number(monitor, arguments, 1, "size", &bytes)) {
        return;
    }
    uint64_t least = least_given(monitor, vm);
    if (!vm->balloon) {
        console_format(monitor->console, "balloon: %s has none; balloon=yes gives it one\n",
                       vm->config.name);
    } else if (bytes < least || bytes > vm->config.memory_bytes) {
        console_format(monitor->console, "balloon: %s can give %s to %s now\n", vm->config.name,
                       monitor_size_text(least).text,
                       monitor_size_text(vm->config.memory_bytes).text);
    } else if (vm_call(vm, 0, vm_balloon_tell, &bytes, &why) != STATUS_OK) {
        console_format(monitor->console, "balloon: %s\n", why.text);
    }
}

// Stops every VM, so that no guest runs while the machine is switched off.
static void stop_all(struct monitor *monitor)
{
    for (unsigned i = 0; i < monitor->vmm->vm_count; i++) {
        struct vm *vm = monitor->vmm->vms[i];
        struct reason why = {""};
        if (vm->state != VM_OFF && vm_stop(vm, &why) != STATUS_OK) {
            console_format(monitor->console, "%s: %s\n", vm->config.name, why.text);
        }
    }
}

static void leave(struct monitor *monitor, void (*way)(void), const char *doing)
{
    if (!way) {
        console_format(monitor->console, "%s: this machine cannot do it\n", doing);
        return;
    }
    console_format(monitor->console, "%s\n", doing);
    stop_all(monitor);
    monitor_flush(monitor);
    way();
    console_format(monitor->console, "%s: the machine refused; the VMs are off\n", doing);
}

void command_gdb(struct monitor *monitor, const struct arguments *arguments)
{
    struct reason why = {"this machine has no serial lines"};
    const char *word = arguments->count > 0 ? arguments->words[0] : NULL;
    if (!monitor->machine->lend_line || monitor->machine->lend_line(word, &why) != STATUS_OK) {
        console_format(monitor->console, "gdb: %s\n", why.text);
    }
}

void command_reboot(struct monitor *monitor, const struct arguments *arguments)
{
    (void)arguments;
    leave(monitor, monitor->machine->reboot, "restarting the machine");
}

void command_poweroff(struct monitor *monitor, const struct arguments *arguments)
{
    (void)arguments;
    leave(monitor, monitor->machine->power_off, "switching the machine off");
}

void command_version(struct monitor *monitor, const struct arguments *arguments)
{
    (void)arguments;
    console_format(monitor->console, "%s\n", monitor->machine->version);
}
