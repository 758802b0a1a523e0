// SPDX-License-Identifier: MIT
// A target for the server of GDB's protocol: three VMs that exist only in this file.
#pragma once

#include "vmm/debug/gdb/gdb_registers.h"
#include "vmm/debug/gdb/gdb_server.h"

#define FAKE_TARGET_VMS 3
#define FAKE_TARGET_VCPUS 2
#define FAKE_TARGET_MEMORY 4096 // from address 0 on; physical addresses are 0x100000 higher
#define FAKE_TARGET_PHYSICAL 0x100000

struct fake_target {
    struct gdb_target target;
    struct gdb_line line;
    struct gdb_server server;
    enum gdb_vm_state states[FAKE_TARGET_VMS]; // at first running, running, off
    bool failed[FAKE_TARGET_VMS];
    bool caught[FAKE_TARGET_VMS];
    bool stuck;     // nothing can be stopped
    bool read_only; // no register can be written
    enum gdb_step step;
    unsigned waits;   // so many calls for a step end before it is done
    unsigned changes; // calls that change something
    struct gdb_registers registers[FAKE_TARGET_VMS][FAKE_TARGET_VCPUS];
    uint8_t memory[FAKE_TARGET_MEMORY];
    char commands[256]; // the last one
    const char *input;  // what comes on the line
    size_t input_left;
    size_t room; // what one write takes
    size_t output_length;
    char output[64 * 1024]; // what was sent; it is forgotten when it is full
};

extern struct fake_target fake_target;

void fake_target_init(void);
// Sends bytes to the server, and polls it until it has nothing left to do. Returns what it sent.
const char *fake_target_say(const char *bytes, size_t length);
// The same for a packet, without acknowledgements. Returns the contents of the packets that it
// sent, each with a newline behind it; runs and escapes are resolved.
const char *fake_target_ask(const char *packet);
