// SPDX-License-Identifier: MIT
// Lists the switches, and the network cards that are plugged into them. Pulls out their cables.
#include "vmm/monitor/monitor_commands_nets.h"

#include "vmm/board/pc_virtio.h"
#include "vmm/console/console.h"
#include "vmm/devices/virtio/virtio_network.h"
#include "vmm/monitor/monitor.h"
#include "vmm/monitor/monitor_arguments.h"
#include "vmm/monitor/monitor_names.h"
#include "vmm/monitor/monitor_text.h"
#include "vmm/net/net_switch.h"
#include "vmm/util/format.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_call.h"
#include "vmm/vm/vm_nets.h"

// Its VM's name, and its number if the VM has several.
static struct monitor_text card_name(const struct vm_net *net)
{
    const struct vm_nets *nets = net->vm->nets;
    struct monitor_text text;
    format_text(text.text, sizeof(text.text), nets->count > 1 ? "%s/%u" : "%s",
                net->vm->config.name, (unsigned)(net - nets->nets));
    return text;
}

static void show_net(struct monitor *monitor, const struct vm_net *net)
{
    const struct switch_counters *counters = &net->port.counters;
    const uint8_t *mac = net->mac.bytes;
    unsigned long long drops =
        monitor_counter(&counters->full) + monitor_counter(&counters->spoofed) +
        monitor_counter(&counters->floods) + monitor_counter(&counters->lost) +
        monitor_counter(&net->device.network.bad_frames);
    console_format(monitor->console,
                   "%-15s %02x:%02x:%02x:%02x:%02x:%02x %-4s %7llu %8s %8llu %8s %5llu\n",
                   card_name(net).text, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5],
                   net->link_down ? "down" : "up", monitor_counter(&counters->sent_frames),
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
    console_format(monitor->console, "%-15s %-17s %-4s %7s %8s %8s %8s %5s\n", "VM", "ADDRESS",
                   "LINK", "SENT", "BYTES", "RECEIVED", "BYTES", "DROPS");
    for (unsigned i = 0; i < vmm->switch_count; i++) {
        show_switch(monitor, vmm->switches[i]);
    }
}

static void apply_link(struct vm *vm, void *net)
{
    (void)vm;
    vm_net_apply_link(net);
}

// The card that the arguments name. NULL: there is none, and the user was told.
static struct vm_net *find_card(struct monitor *monitor, const struct arguments *arguments)
{
    struct vm *vm = monitor_find_vm(monitor, arguments->words[0]);
    uint64_t card;
    if (!vm || !monitor_find_number(monitor, arguments, 1, "card", &card)) {
        return NULL;
    }
    unsigned count = vm->nets ? vm->nets->count : 0;
    if (card >= count) {
        console_format(monitor->console, "link: %s has %u network cards, numbered from 0\n",
                       vm->config.name, count);
        return NULL;
    }
    return &vm->nets->nets[card];
}

void command_link(struct monitor *monitor, const struct arguments *arguments)
{
    struct vm_net *net = find_card(monitor, arguments);
    bool up = text_equal(arguments->words[2], "up");
    struct reason why = {""};
    if (!net) {
        return;
    }
    if (!up && !text_equal(arguments->words[2], "down")) {
        console_format(monitor->console, "link: '%s' is neither up nor down\n",
                       arguments->words[2]);
        return;
    }
    net->link_down = !up;
    if (vm_call(net->vm, 0, apply_link, net, &why) != STATUS_OK) {
        console_format(monitor->console, "link: %s\n", why.text);
    }
}
