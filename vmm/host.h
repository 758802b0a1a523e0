// SPDX-License-Identifier: MIT
// The rest of the world as vmm/ sees it: the seam to the machine. Tests give a fake.
#pragma once

#include "arch/x86/cpuid_bits.h" // IWYU pragma: export
#include "vmm/address.h"
#include "vmm/util/status.h"

// Where a VM's memory appears to the host while that VM's address space is loaded:
// host address = GUEST_WINDOW + gpa. Another VM's memory is not mapped then.
#define GUEST_WINDOW 0xffffc00000000000ULL
// Where the payloads of that VM (its GRUB modules, read-only) appear.
#define MODULE_WINDOW 0xffffc80000000000ULL

// CPUs of the machine that can be used, numbered from 0.
#define HOST_CPUS_MAX 256

// A piece of guest-physical memory: `bytes` from `gpa`. Multiples of 4 KiB.
struct guest_extent {
    gpa_t gpa;
    uint64_t bytes;
};

#define GUEST_EXTENTS 3 // below the VGA hole, from its text memory to the device hole, above 4 GiB

// A VM's host address space: the hypervisor, the VM's RAM at GUEST_WINDOW, its modules.
struct host_space {
    uint64_t cr3;
    uint64_t window; // host address of gpa 0
    unsigned extent_count;
    struct guest_extent extents[GUEST_EXTENTS];
};

struct host_memory_use {
    uint64_t guest_bytes;      // all memory for guests
    uint64_t guest_free;       // of it free
    uint64_t hypervisor_bytes; // the hypervisor's own frames
    uint64_t hypervisor_free;
};

struct host {
    uint64_t (*now_ns)(void);          // since boot, the same on every CPU
    void (*set_deadline)(uint64_t ns); // this CPU's timer interrupt; NEVER_NS: none
    void (*kick)(unsigned cpu);        // makes that CPU leave idle or its guest soon
    // The same, but a guest with FEATURE_POSTED stays on its CPU and gets what is posted: at once,
    // or at its next entry if the CPU is in the host.
    void (*kick_posted)(unsigned cpu);
    unsigned (*cpu_count)(void); // CPUs that run
    unsigned (*this_cpu)(void);  // the number of the CPU that asks, below cpu_count
    // Runs `call` on that CPU between two runs of guests and waits for its end.
    void (*call)(unsigned cpu, void (*call)(void *), void *argument);

    // Memory of the hypervisor: zeroed, page-aligned, contiguous; NULL if there is none.
    void *(*allocate)(uint64_t bytes);
    void (*release)(void *memory, uint64_t bytes);

    // Guest memory. space_create allocates and maps the RAM of these extents; what others left in
    // it stays until space_zero has zeroed it, `bytes` within one extent at a time. space_frame
    // gives the frame behind `gpa` and how many bytes from there are contiguous in the machine.
    enum status (*space_create)(struct host_space *space, const struct guest_extent *extents,
                                unsigned count, struct reason *why);
    void (*space_zero)(const struct host_space *space, gpa_t gpa, uint64_t bytes);
    void (*space_destroy)(struct host_space *space);
    hpa_t (*space_frame)(const struct host_space *space, gpa_t gpa, uint64_t *contiguous);
    // Maps a payload read-only into MODULE_WINDOW and returns its address; NULL: no frames.
    const uint8_t *(*space_map_module)(struct host_space *space, hpa_t start, uint64_t bytes);
    void (*space_enter)(const struct host_space *space); // NULL: the hypervisor's own
    struct host_memory_use (*memory_use)(void);

    struct cpuid_registers (*cpuid)(uint32_t leaf, uint32_t subleaf); // of this CPU
    uint64_t (*xcr0_mask)(void); // state components that guests may have; 0: no XSAVE
    uint64_t (*tsc)(void);       // this CPU's time-stamp counter, and how fast it counts
    uint64_t (*tsc_hz)(void);
    uint64_t (*ns_at_tsc)(uint64_t tsc); // what now_ns is when the TSC is that

    void (*log)(const char *line); // one line for the log and the console, no newline in it

    // The date and time in the machine's clock: year 2026, month 1-12, day 1-31 ...
    uint64_t (*wall_clock_s)(void); // seconds since 1970-01-01 00:00:00 UTC
};

// A line for the log, formatted; longer than 239 characters it is cut.
void host_log(const struct host *host, const char *format, ...) PRINTF_LIKE(2, 3);
