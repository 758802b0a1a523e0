// SPDX-License-Identifier: MIT
// How a guest begins and ends.
#pragma once

#include "vmm/util/types.h"

// What the loader hands over.
struct guest {
    const char *command_line;
    uint64_t memory_bytes;
};

// Written by each guest; the value returned is the VM's exit status.
uint8_t guest_main(const struct guest *guest);

// Called by crt0.asm.
_Noreturn void guest_start(const char *command_line, uint64_t memory_bytes);

// Ends the VM with this status, by port 0xf4.
_Noreturn void guest_end(uint8_t status);
