// SPDX-License-Identifier: MIT
// The instruction in hand, with the guest's registers and memory.
#pragma once

#include "vmm/emulate/decode.h"
#include "vmm/memory/guest_walk.h"
#include "vmm/util/types.h"

// The instruction that is being carried out.
struct emulator {
    struct vcpu_core *vcpu;
    const struct vcpu_ops *ops;
    const struct guest_memory *memory;
    struct emulator_bus *mmio;
    struct emulator_ports *ports;   // NULL: INS and OUTS are not allowed
    uint16_t port;                  // the one that INS or OUTS accesses
    const struct exit_memory *exit; // or NULL
    struct emulation *out;
    struct paging_state paging;
    enum code_size size;
    bool protected; // segments have limits and types: protected mode, not virtual-8086
    uint64_t rip;
    struct instruction instruction;
    struct walk_result fetch; // of the instruction's first byte
};
