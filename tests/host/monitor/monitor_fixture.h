// SPDX-License-Identifier: MIT
// What the tests of the monitor share: a monitor in front of a fake machine with VMs.
#pragma once

#include "tests/host/fake_machine.h"
#include "tests/host/fake_output.h"
#include "vmm/monitor/monitor.h"

#define FIXTURE_INPUT_BYTES 8192

struct monitor_fixture {
    struct console console;
    struct fake_output serial; // without colours
    struct monitor_machine machine;
    struct monitor monitor;
    struct vm *web;                  // runs on CPU 0
    struct vm *ticker;               // runs on CPU 1
    struct vm *spare;                // is off
    char input[FIXTURE_INPUT_BYTES]; // what will be typed
    size_t input_length;
    size_t input_read;
    unsigned leaves; // calls of power_off and reboot
    unsigned rests;  // of the console
    unsigned logs;   // in so many of them something logs a line
};

// The one of the test program: the callbacks have no context to find another by.
extern struct monitor_fixture fixture;

// The three VMs, an empty log, and a monitor that has shown nothing yet.
void fixture_init(void);
// Frees all VMs; fails the test if anything leaked.
void fixture_free(void);
// The two for cmocka.
int fixture_set_up(void **state);
int fixture_tear_down(void **state);

// A VM that runs, in turn on the CPUs whose bits are set.
struct vm *fixture_add(const char *name, unsigned vcpus, uint64_t cpus);
// Its guest ends by its own wish, or by an error.
void fixture_end(struct vm *vm, const char *how);
void fixture_fail(struct vm *vm, const char *how);
// Its RAM from `address` on, until the monitor's next look into a VM.
uint8_t *fixture_ram(struct vm *vm, uint64_t address);
// What its guest sends; it must fit.
void fixture_send(struct vm *vm, const char *bytes);
// Its guest sends that byte until its terminal is full.
void fixture_fill(struct vm *vm, char byte);

void fixture_log(const char *line);
void fixture_type(const char *bytes);
// Polls until the monitor has nothing left to do.
void fixture_poll(void);
// Types a line, polls, and returns what the console showed since, the echo of the line included.
const char *fixture_run(const char *line);
