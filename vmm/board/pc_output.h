// SPDX-License-Identifier: MIT
// What leaves the board of a VM's PC.
#pragma once

#include "vmm/util/types.h"

struct apic_message;

// The far ends of the board's wires. The VM embeds this and finds itself with container_of. The
// board calls all of them but now_ns with its lock held, so they must not call the board back.
struct pc_output {
    // The VM's clock, in ns.
    uint64_t (*now_ns)(struct pc_output *output);
    // A device needs pc_advance at `due_ns` of that clock; NEVER_NS: none does.
    void (*timer_set)(struct pc_output *output, uint64_t due_ns);
    // Devices are about to use the guest's memory, in pc_advance: it must be there from now on. In
    // an exit of the guest it is.
    void (*enter_memory)(struct pc_output *output);
    // The level of the 8259s' INTR, at LINT0 of the first local APIC.
    void (*lint0)(struct pc_output *output, bool level);
    // A message from the I/O APIC to the local APICs.
    void (*apic_message)(struct pc_output *output, const struct apic_message *message);
    // The guest resets the machine, ends itself with a status, or switches the power off.
    void (*reset)(struct pc_output *output);
    void (*exit)(struct pc_output *output, uint32_t status);
    void (*power_off)(struct pc_output *output);
    // The other end of the serial line. put_byte returns false if there is no room, and the other
    // end calls for pc_advance once there is. take_byte returns the next byte for the guest, or -1
    // if there is none.
    bool (*put_byte)(struct pc_output *output, uint8_t byte);
    int (*take_byte)(struct pc_output *output);
    // Fills `words` words with random numbers. False: there are none, or none now.
    bool (*random)(struct pc_output *output, uint64_t *to, unsigned words);
};
