// SPDX-License-Identifier: MIT
// Makes the network cards of a VM, plugs them into their switches, and wakes the VM for frames.
#include "vmm/vm/vm_nets.h"

#include "vmm/board/pc_virtio.h"
#include "vmm/config/config.h"
#include "vmm/devices/virtio/net_port.h"
#include "vmm/devices/virtio/virtio_network.h"
#include "vmm/host.h"
#include "vmm/net/net_switch.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/paravirt_clock.h"
#include "vmm/vcpu/vcpu_mail.h"
#include "vmm/vm/vm.h"

// ---- Switches ----

static uint64_t now_ns(struct switch_output *output)
{
    return container_of(output, struct vm_switch, output)->vmm->host->now_ns();
}

// On the CPU of the sender. The vCPUs of the receiver's VM are there as long as this CPU is in the
// port (vm_nets_detach).
static void wake(struct switch_output *output, struct switch_port *port)
{
    struct vm_net *net = container_of(port, struct vm_net, port);
    (void)output;
    pc_virtio_arrived(&net->device.part);
    vcpu_mail_virtio(net->vm->vcpus[0]);
}

static enum status make_switch(struct vmm *vmm, const char *name, struct vm_switch **result,
                               struct reason *why)
{
    if (vmm->switch_count == VM_SWITCHES_MAX) {
        return refuse(why, STATUS_RANGE, "net=%s: there are %u switches already, which is the most",
                      name, VM_SWITCHES_MAX);
    }
    struct vm_switch *made = vmm->host->allocate(sizeof(*made));
    if (!made) {
        return refuse(why, STATUS_NO_MEMORY, "net=%s: Husk's own memory is full", name);
    }
    text_copy(made->name, sizeof(made->name), name);
    made->vmm = vmm;
    made->output = (struct switch_output){.now_ns = now_ns, .wake = wake};
    net_switch_init(&made->net_switch, &made->output);
    vmm->switches[vmm->switch_count++] = made;
    *result = made;
    return STATUS_OK;
}

static enum status find_switch(struct vmm *vmm, const char *name, struct vm_switch **result,
                               struct reason *why)
{
    for (unsigned i = 0; i < vmm->switch_count; i++) {
        *result = vmm->switches[i];
        if (text_equal((*result)->name, name)) {
            return STATUS_OK;
        }
    }
    return make_switch(vmm, name, result, why);
}

// ---- Cards, on CPU 0 ----

// Other cards at the switch of a new one.
struct neighbours {
    unsigned count;
    const struct vm *same; // whose card has the same address; NULL: nobody's
};

static void look_for_neighbours(const struct vm *vm, const struct vm_net *net,
                                struct neighbours *found)
{
    for (unsigned i = 0; vm->nets && i < vm->nets->count; i++) {
        const struct vm_net *other = &vm->nets->nets[i];
        if (other->on == net->on) {
            found->count++;
            found->same = net_mac(other->mac.bytes) == net_mac(net->mac.bytes) ? vm : found->same;
        }
    }
}

static enum status check_neighbours(const struct vm *vm, const struct vm_net *net,
                                    struct reason *why)
{
    struct neighbours found = {0, NULL};
    for (unsigned i = 0; i < vm->vmm->vm_count; i++) {
        look_for_neighbours(vm->vmm->vms[i], net, &found);
    }
    look_for_neighbours(vm, net, &found); // it is not among them yet
    if (found.count == SWITCH_PORTS_MAX) {
        return refuse(why, STATUS_RANGE,
                      "net=%s: the switch has %u ports already, which is the most", net->on->name,
                      SWITCH_PORTS_MAX);
    }
    if (found.same) {
        return refuse(why, STATUS_BUSY, "net=%s: a card of %s has the same address", net->on->name,
                      found.same->config.name);
    }
    return STATUS_OK;
}

// Locally administered (IEEE 802, 8.2.2), and another one for each card of each VM.
static struct mac_address own_mac(const struct vm *vm, unsigned card)
{
    return (struct mac_address){{0x02, 'H', 'u', 's', (uint8_t)(vm->index + 1), (uint8_t)card}};
}

static enum status add_card(struct vm *vm, struct reason *why)
{
    struct vm_net *net = &vm->nets->nets[vm->nets->count];
    const struct net_config *config = &vm->config.nets[vm->nets->count];
    net->vm = vm;
    net->mac = config->has_mac ? config->mac : own_mac(vm, vm->nets->count);
    enum status status = find_switch(vm->vmm, config->name, &net->on, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = check_neighbours(vm, net, why);
    vm->nets->count += status == STATUS_OK;
    return status;
}

enum status vm_nets_create(struct vm *vm, struct reason *why)
{
    enum status status = STATUS_OK;
    if (vm->config.net_count == 0) {
        return STATUS_OK;
    }
    vm->nets = vm->vmm->host->allocate(sizeof(*vm->nets));
    if (!vm->nets) {
        return refuse(why, STATUS_NO_MEMORY, "net=%s: Husk's own memory is full",
                      vm->config.nets[0].name);
    }
    while (status == STATUS_OK && vm->nets->count < vm->config.net_count) {
        status = add_card(vm, why);
    }
    return status;
}

// ---- On the home CPU ----

enum status vm_nets_build(struct vm *vm, struct reason *why)
{
    for (unsigned i = 0; vm->nets && i < vm->nets->count; i++) {
        struct vm_net *net = &vm->nets->nets[i];
        net->ring = vm->vmm->host->allocate(VM_NET_RING_BYTES);
        if (!net->ring) {
            return refuse(why, STATUS_NO_MEMORY, "no frames for the network cards");
        }
    }
    return STATUS_OK;
}

// A board has more slots than a VM has devices. A switch has a port for each card that was made.
void vm_nets_attach(struct vm *vm)
{
    unsigned pairs = MIN(vm->config.vcpus, VIRTIO_NETWORK_PAIRS_MAX);
    for (unsigned i = 0; vm->nets && i < vm->nets->count; i++) {
        struct vm_net *net = &vm->nets->nets[i];
        (void)!pc_network_attach(vm->pc, &net->device, &net->port.port, net->mac.bytes, pairs);
        net->plugged = net_switch_add(&net->on->net_switch, &net->port, net_mac(net->mac.bytes),
                                      vm->config.nets[i].promiscuous, net->ring, VM_NET_RING_BYTES);
        vm_net_apply_link(net);
    }
}

void vm_net_apply_link(struct vm_net *net)
{
    if (net->vm->pc) {
        pc_network_set_link(&net->device, !net->link_down);
    }
}

static bool detach(struct vm_net *net)
{
    if (net->plugged) {
        net_switch_remove(&net->port);
        net->plugged = false;
    }
    if (net->ring && !net_switch_is_idle(&net->port)) {
        return false;
    }
    if (net->ring) {
        net->vm->vmm->host->release(net->ring, VM_NET_RING_BYTES);
        net->ring = NULL;
    }
    return true;
}

bool vm_nets_detach(struct vm *vm)
{
    bool done = true;
    for (unsigned i = 0; vm->nets && i < vm->nets->count; i++) {
        done &= detach(&vm->nets->nets[i]);
    }
    return done;
}
