// SPDX-License-Identifier: MIT
// What the server of GDB's remote protocol asks of the machine: its VMs, as processes, and their
// vCPUs, as threads. The owner embeds struct gdb_target and finds itself with container_of.
#pragma once

#include "vmm/util/types.h"

struct gdb_registers;
struct gdb_writer;

#define GDB_VMS_MAX 64

// A vCPU: the numbers of its VM and of itself, from 0 on.
struct gdb_thread {
    unsigned vm;
    unsigned vcpu;
};

enum gdb_vm_state {
    GDB_VM_OFF,    // it has neither vCPUs nor memory
    GDB_VM_BEGINS, // is being started or reset
    GDB_VM_RUNS,
    GDB_VM_STANDS, // paused
    GDB_VM_RESETS, // it runs no more, and its reset waits for the debugger
    GDB_VM_ENDED,  // by itself, with status 0 to 255 or by an error; it can be looked into
};

struct gdb_vm {
    const char *name;
    enum gdb_vm_state state;
    unsigned vcpus;
    bool failed;    // GDB_VM_ENDED: by an error
    uint8_t status; // GDB_VM_ENDED: if not by an error
};

// Where memory is: a linear address of a vCPU, or a guest-physical one.
struct gdb_place {
    struct gdb_thread thread;
    uint64_t address;
    bool physical;
};

enum gdb_step {
    GDB_STEP_DONE,
    GDB_STEP_WAITS, // the vCPU is halted, or needs longer: a further call goes on
    GDB_STEP_IMPOSSIBLE,
};

// None of these waits for a guest. False: it was not possible.
struct gdb_target {
    // How many VMs there are, at most GDB_VMS_MAX. None ever goes away.
    unsigned (*vm_count)(struct gdb_target *target);
    void (*look)(struct gdb_target *target, unsigned vm, struct gdb_vm *is);
    bool (*stop)(struct gdb_target *target, unsigned vm);   // all its vCPUs
    bool (*resume)(struct gdb_target *target, unsigned vm); // from where they stand
    bool (*kill)(struct gdb_target *target, unsigned vm);
    // Whether a reset that the guest asks for, and a restart after its end, wait for the debugger.
    void (*set_caught)(struct gdb_target *target, unsigned vm, bool caught);
    bool (*get_registers)(struct gdb_target *target, struct gdb_thread thread,
                          struct gdb_registers *registers);
    // Writes those that have another value than the vCPU's. If one cannot be written, none is.
    bool (*set_registers)(struct gdb_target *target, struct gdb_thread thread,
                          const struct gdb_registers *registers);
    // Return how many bytes were there, from the first on.
    size_t (*read)(struct gdb_target *target, struct gdb_place place, void *bytes, size_t length);
    size_t (*write)(struct gdb_target *target, struct gdb_place place, const void *bytes,
                    size_t length);
    // Lets a vCPU of a VM that stands execute one instruction, or begin with an interrupt or
    // exception. No other vCPU runs meanwhile.
    enum gdb_step (*step)(struct gdb_target *target, struct gdb_thread thread);
    // Runs a command of Husk's monitor, and writes what it says.
    void (*command)(struct gdb_target *target, const char *command, struct gdb_writer *answer);
};
