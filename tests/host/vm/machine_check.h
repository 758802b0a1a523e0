// SPDX-License-Identifier: MIT
// What must be true of all VMs of the fake machine at any time between two exits of any guest.
#pragma once

#include "tests/host/fake_host.h"
#include "vmm/util/types.h"

struct vcpu_core;

#define CHECK_VMS 4

// Forgets what was seen so far.
void machine_check_init(void);
// Fails the test unless vCPUs are held and counted as they should be, each is in its own CPU at
// most, and no clock goes backwards.
void machine_check(void);

// Time. Between the two calls one step of a CPU's scheduler is made.
struct machine_check_time {
    uint64_t now_ns;
    uint64_t busy_ns;
    uint64_t charged_ns; // to vCPUs and starts
    uint64_t lives;      // changes if a VM begins or ends a start, or a vCPU comes or goes
};

struct machine_check_time machine_check_time(unsigned cpu);
// Fails the test unless the CPU's scheduler has charged the time that the step took.
void machine_check_charged(unsigned cpu, const struct machine_check_time *before, bool ran);

// What guests send and the console takes.
void machine_check_said(unsigned vm, uint8_t byte);
// Fails the test unless the byte is the next one. Bytes that the UART still held when the VM was
// torn down are lost.
void machine_check_heard(unsigned vm, uint8_t byte);
// Whether all has arrived that the VM has sent since its last start.
MUST_CHECK bool machine_check_all_heard(unsigned vm);
