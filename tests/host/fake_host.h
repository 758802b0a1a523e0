// SPDX-License-Identifier: MIT
// A machine for vmm/ under test: clock, memory that counts, CPUID, kicks and a log.
#pragma once

#include "vmm/host.h"

#define FAKE_CPUS_MAX 4
#define FAKE_LOG_LINES 512
#define FAKE_LOG_COLUMNS 240
#define FAKE_CPUID_LEAVES 40

struct fake_cpuid {
    uint32_t leaf;
    uint32_t subleaf;
    struct cpuid_registers registers;
};

struct fake_host {
    struct host host;
    uint64_t now_ns; // moved by tests and by the fake back end
    uint64_t deadline_ns;
    unsigned cpus;
    unsigned cpu; // that runs now: calls to others change it while they last
    unsigned calls;
    unsigned kicks[FAKE_CPUS_MAX];
    unsigned posted_kicks[FAKE_CPUS_MAX];

    // Memory. Each thing that can fail (an allocation, a guest's RAM, a page table, a mapping)
    // takes a step; the step of the number `failing_step`, counted from 1, fails.
    uint64_t steps;
    uint64_t failing_step;
    unsigned live_allocations; // those and
    uint64_t live_bytes;
    unsigned live_spaces; // these are all 0 when nothing leaks
    uint64_t space_bytes; // RAM of the live spaces
    uint64_t guest_bytes; // what the machine says it has
    unsigned frame_run;   // 4 KiB frames that are contiguous in a space; 0: all
    uint64_t spaces_made;
    uint64_t zeroed_bytes;       // of all guests' RAM
    uint64_t zero_ns_per_kib;    // that it takes
    uint64_t cr3[FAKE_CPUS_MAX]; // of the space that each CPU is in; 0: the hypervisor's own

    unsigned cpuid_count;
    struct fake_cpuid cpuid[FAKE_CPUID_LEAVES];
    uint64_t xcr0_mask;
    uint64_t tsc_ghz;     // ticks a nanosecond
    uint64_t tsc_hz_more; // what tsc_hz() says beyond it

    unsigned log_lines;
    char log[FAKE_LOG_LINES][FAKE_LOG_COLUMNS]; // the last ones
};

// The one machine of the test program: the callbacks have no context to find another by. The RAM of
// a VM can be touched only while a CPU is in its space, on the real one only by that CPU.
extern struct fake_host fake_host;

// Two CPUs like Skylake, 1 s after boot.
void fake_host_init(void);
// Whether the next thing that can fail does.
bool fake_host_step_fails(void);
// The number of logged lines that contain `text`.
unsigned fake_host_logged(const char *text);
// What CPUID says; NULL: the leaf is not in the table and answers 0.
struct cpuid_registers *fake_host_cpuid(uint32_t leaf, uint32_t subleaf);
// Changes or adds one.
void fake_host_set_cpuid(uint32_t leaf, uint32_t subleaf, struct cpuid_registers registers);
// Fails the test unless everything was given back.
void fake_host_check_leaks(void);
