// SPDX-License-Identifier: MIT
// Husk's VMs as the target of a debugger.
#pragma once

#include "vmm/debug/gdb/gdb_target.h"

struct gdb_writer;
struct vmm;

struct gdb_vms {
    struct gdb_target target;
    struct vmm *vmm;
    void (*command)(const char *line, struct gdb_writer *answer); // see struct gdb_target
};

// To be used on CPU 0, from the main loop, as all that looks into VMs or changes their state.
void gdb_vms_init(struct gdb_vms *vms, struct vmm *vmm,
                  void (*command)(const char *line, struct gdb_writer *answer));
