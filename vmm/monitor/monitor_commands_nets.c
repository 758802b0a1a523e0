// SPDX-License-Identifier: MIT
// Lists the switches, and the network cards that are plugged into them.
#include "vmm/monitor/monitor_commands_nets.h"

#include "vmm/board/pc_virtio.h"
#include "vmm/console/console.h"
#include "vmm/devices/virtio/virtio_network.h"
#include "vmm/monitor/monitor.h"
#include "vmm/monitor/monitor_arguments.h"
#include "vmm/monitor/monitor_text.h"
#include "vmm/net/net_switch.h"
#include "vmm/util/types.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_nets.h"

static void show_net(struct monitor *monitor, const struct vm_net *net)
{
    const struct switch_counters *counters = &net->port.counters;
    const uint8_t *mac = net->mac.bytes;
    unsigned long long drops =
        monitor_counter(&counters->full) + monitor_counter(&counters->spoofed) +
        monitor_counter(&counters->floods) + monitor_counter(&counters->lost) +
        monitor_counter(&net->device.network.bad_frames);
    console_format(monitor->console,
                   "%-15s %02x:%02x:%02x:%02x:%02x:%02x %8llu %9s %8llu %9s %6llu\n",
                   net->vm->config.name, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5],
                   monitor_counter(&counters->sent_frames),
                   monitor_size_text(monitor_counter(&counters->sent_bytes)).text,
                   monitor_counter(&counters->received_frames),
                   monitor_size_text(monitor_counter(&counters->received_bytes)).text, drops);
}

// The cards of all VMs that are plugged into one switch.
static void show_switch(struct monitor *monitor, const struct vm_switch *on)
{
    const struct vmm *vmm = monitor->vmm;
    console_format(monitor->console, "%s:\n", on->name);
    for (unsigned i = 0; i < vmm->vm_count; i++) {
        const struct vm_nets *nets = vmm->vms[i]->nets;
        for (unsigned j = 0; nets && j < nets->count; j++) {
            if (nets->nets[j].on == on) {
                show_net(monitor, &nets->nets[j]);
            }
        }
    }
}

void command_nets(struct monitor *monitor, const struct arguments *arguments)
{
    const struct vmm *vmm = monitor->vmm;
    (void)arguments;
    if (vmm->switch_count == 0) {
        console_print(monitor->console,
                      "no VM has a network card; net= on a VM's line gives it one\n");
        return;
    }
    console_format(monitor->console, "%-15s %-17s %8s %9s %8s %9s %6s\n", "VM", "ADDRESS", "SENT",
                   "BYTES", "RECEIVED", "BYTES", "DROPS");
    for (unsigned i = 0; i < vmm->switch_count; i++) {
        show_switch(monitor, vmm->switches[i]);
    }
}
