// SPDX-License-Identifier: MIT
// Everything around a monitor under test: VMs without hardware, a clock, a keyboard, a log.
#pragma once

#include "tests/host/fake_output.h"
#include "vmm/board/pc.h"
#include "vmm/monitor/monitor.h"
#include "vmm/vm/scheduler.h"

#define WORLD_VMS_MAX 6
#define WORLD_INPUT_BYTES 8192
#define WORLD_LOG_LINES 64
#define WORLD_RAM_BYTES (64 * KIB)

struct fake_world {
    uint64_t now_ns;
    struct host host;
    struct vcpu_ops ops;
    struct vmm vmm;
    struct vm vms[WORLD_VMS_MAX];
    struct vcpu_core cores[WORLD_VMS_MAX];
    struct pc pcs[WORLD_VMS_MAX];
    struct scheduler scheduler;   // of CPU 1
    uint8_t ram[WORLD_RAM_BYTES]; // of every VM
    struct console console;
    struct fake_output serial; // without colours
    struct monitor_machine machine;
    struct monitor monitor;
    uint8_t input[WORLD_INPUT_BYTES]; // what will be typed
    size_t input_length;
    size_t input_read;
    char log[WORLD_LOG_LINES][MONITOR_LOG_LINE];
    unsigned log_lines;
    unsigned wakes;   // calls of vm_input_ready
    unsigned stops;   // calls of vm_stop that worked
    unsigned leaves;  // calls of power_off and reboot
    bool refuse_stop; // vm_stop fails
};

// The one world of the test program: the callbacks have no context to find another by.
extern struct fake_world world;

// VMs `web` and `ticker`, running, and `spare`, off; payloads `hello` and `hog` linked.
void fake_world_init(void);
struct vm *fake_world_add_vm(const char *name, enum vm_state state);
void fake_world_log(const char *line);
void fake_world_type(const char *bytes);
// What the guest of that VM sends; it must fit.
void fake_world_send(struct vm *vm, const char *bytes);
// Polls until the monitor has nothing left to do.
void fake_world_poll(void);
// Types a line, polls, and returns what the console showed since, the echo of the line included.
const char *fake_world_run(const char *line);
