// SPDX-License-Identifier: MIT
// The network cards of a VM, and the switches that they are plugged into.
#pragma once

#include "vmm/board/pc_virtio.h"
#include "vmm/config/config.h"
#include "vmm/net/net_switch.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct vm;

#define VM_NET_RING_BYTES (256 * KIB) // of frames that wait for one card

// Made with the first card that names it, and never taken away.
struct vm_switch {
    char name[VM_NAME_MAX];
    const struct vmm *vmm;
    struct switch_output output;
    struct net_switch net_switch;
};

struct vm_net {
    struct vm *vm;
    struct vm_switch *on;
    struct mac_address mac;
    bool link_down;          // the user has pulled the cable out; it stays so over a start
    struct switch_port port; // of the last start
    bool plugged;            // the port is one of the switch
    void *ring;              // NULL: there is none
    struct pc_network device;
};

// Made with the VM, if it has cards. The monitor reads it at any time.
struct vm_nets {
    unsigned count;
    struct vm_net nets[VM_NETS_MAX];
};

// To be called on CPU 0 while the VM is made: makes its cards, as vm->config says. After a refusal
// vm->nets is to be released too, unless it is NULL.
MUST_CHECK enum status vm_nets_create(struct vm *vm, struct reason *why);

// To be called on the home CPU, which has seized the VM:
// Allocates the rings.
MUST_CHECK enum status vm_nets_build(struct vm *vm, struct reason *why);
// Connects the cards to the board, which is new, and to their switches. The vCPUs are there: they
// can be woken from now on.
void vm_nets_attach(struct vm *vm);
// Plugs the cable of the card in, or pulls it out, if there is a board.
void vm_net_apply_link(struct vm_net *net);
// Takes the cards from their switches, and gives the rings back. False: a CPU is about to fill a
// ring or to wake the VM, so it is to be called again.
MUST_CHECK bool vm_nets_detach(struct vm *vm);
