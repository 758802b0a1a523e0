// SPDX-License-Identifier: MIT
// Lists the disks of all VMs.
#include "vmm/monitor/monitor_commands_disks.h"

#include "vmm/console/console.h"
#include "vmm/devices/virtio/block_backend.h"
#include "vmm/disk/block_store.h"
#include "vmm/disk/disk.h"
#include "vmm/disk/overlay.h"
#include "vmm/monitor/monitor.h"
#include "vmm/monitor/monitor_arguments.h"
#include "vmm/monitor/monitor_text.h"
#include "vmm/util/types.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_disks.h"

static const char *remark(const struct vm_disk *disk)
{
    if (disk->config.read_only) {
        return " ro";
    }
    return disk->config.keep ? " keep" : "";
}

static void show_disk(struct monitor *monitor, const struct vm *vm, const struct vm_disk *disk)
{
    const struct block_backend *backend = &disk->disk.backend;
    const struct overlay *overlay = &disk->disk.overlay;
    uint64_t held = __atomic_load_n(&overlay->held, __ATOMIC_RELAXED);
    console_format(monitor->console, "%-15s %-15s %9s %9s %7llu %7llu %6llu%s\n", vm->config.name,
                   disk->config.name, monitor_size_text(disk->bytes).text,
                   monitor_size_text(held * BLOCK_BYTES).text,
                   monitor_counter(&backend->counters.reads),
                   monitor_counter(&backend->counters.writes),
                   monitor_counter(&backend->counters.errors), remark(disk));
}

static void show_disks(struct monitor *monitor, const struct vm *vm)
{
    for (unsigned i = 0; vm->disks && i < vm->disks->count; i++) {
        show_disk(monitor, vm, &vm->disks->disks[i]);
    }
}

void command_disks(struct monitor *monitor, const struct arguments *arguments)
{
    const struct vmm *vmm = monitor->vmm;
    unsigned count = 0;
    (void)arguments;
    for (unsigned i = 0; i < vmm->vm_count; i++) {
        count += vmm->vms[i]->disks ? vmm->vms[i]->disks->count : 0;
    }
    if (count == 0) {
        console_print(monitor->console,
                      "no VM has a disk; disk= on a module's line gives it one\n");
        return;
    }
    console_format(monitor->console, "%-15s %-15s %9s %9s %7s %7s %6s\n", "VM", "DISK", "SIZE",
                   "WRITTEN", "READS", "WRITES", "ERRORS");
    for (unsigned i = 0; i < vmm->vm_count; i++) {
        show_disks(monitor, vmm->vms[i]);
    }
}
