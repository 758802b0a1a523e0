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

#define FAKE_STORE_BYTES_MAX (16 * MIB)
#define FAKE_STORE_GROWTH (64 * KIB) // how much the store of a space grows at once

struct fake_host {
    struct host host;
    uint64_t now_ns; // tests and the fake back end move it
    uint64_t deadline_ns;
    unsigned cpus;
    unsigned cpu; // the one that runs now; a call to another CPU changes it while it lasts
    unsigned calls;
    bool stuck[FAKE_CPUS_MAX]; // which CPUs do not answer
    bool undisturbed;          // only the timer ends the runs of guests
    unsigned kicks[FAKE_CPUS_MAX];
    unsigned posted_kicks[FAKE_CPUS_MAX];

    // Memory. Each operation that can fail (an allocation, a guest's RAM, a page table, a mapping)
    // is a step. Step number `failing_step`, counted from 1, fails.
    uint64_t steps;
    uint64_t failing_step;
    uint64_t operations;       // pieces of work with memory: each takes its time
    unsigned live_allocations; // 0 at the end if nothing leaks
    uint64_t live_bytes;
    unsigned live_spaces; // 0 at the end if nothing leaks
    uint64_t space_bytes; // RAM of the live spaces
    uint64_t guest_bytes; // how much memory the machine has for guests
    unsigned frame_run;   // a run of a space's RAM has so many frames of 4 KiB at most; 0: all
    uint64_t spaces_made;
    uint64_t zeroed_bytes;       // how much RAM of all guests was zeroed
    uint64_t zero_ns_per_kib;    // how long zeroing takes
    uint64_t cr3[FAKE_CPUS_MAX]; // the space that each CPU is in; 0: the hypervisor's own

    unsigned cpuid_count;
    struct fake_cpuid cpuid[FAKE_CPUID_LEAVES];
    uint64_t xcr0_mask;
    uint64_t tsc_ghz;     // ticks in a nanosecond
    uint64_t tsc_hz_more; // tsc_hz() returns that frequency plus this

    uint64_t random; // the last random number; the next is one more
    bool has_no_random;

    unsigned log_lines;
    char log[FAKE_LOG_LINES][FAKE_LOG_COLUMNS]; // the last lines
};

// The one machine of the test program: the callbacks have no context to find another one. The RAM
// of a VM can be touched while any CPU is in its space; on a real machine, only by that CPU.
extern struct fake_host fake_host;

// Two CPUs like Skylake, 1 s after boot.
void fake_host_init(void);
// Takes a step that can fail, and returns whether it fails.
bool fake_host_step_fails(void);
// The number of logged lines that contain `text`.
unsigned fake_host_logged(const char *text);
// The answer of CPUID. NULL if the leaf is not in the table: CPUID then answers 0.
struct cpuid_registers *fake_host_cpuid(uint32_t leaf, uint32_t subleaf);
// Changes or adds an answer.
void fake_host_set_cpuid(uint32_t leaf, uint32_t subleaf, struct cpuid_registers registers);
// Fails the test unless everything was given back.
void fake_host_check_leaks(void);
