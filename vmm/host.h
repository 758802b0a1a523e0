// SPDX-License-Identifier: MIT
// The seam to the machine: all that vmm/ needs from outside, except virtualisation. Tests give a
// fake.
#pragma once

#include "arch/x86/cpuid_bits.h" // IWYU pragma: export
#include "vmm/address.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

// While a VM's address space is loaded, Husk finds the VM's memory at host address = GUEST_WINDOW +
// gpa. The memory of other VMs is not mapped then.
#define GUEST_WINDOW 0xffffc00000000000ULL
// The payloads of that VM (its GRUB modules) are mapped here, read-only.
#define MODULE_WINDOW 0xffffc80000000000ULL
// The store of that VM is mapped here: memory for what it writes to its disks.
#define STORE_WINDOW 0xffffc88000000000ULL
#define STORE_BYTES_MAX (512 * GIB)

// CPUs of the machine that can be used, numbered from 0.
#define HOST_CPUS_MAX 256

// A piece of guest-physical memory: `bytes` from `gpa`. Multiples of 4 KiB.
struct guest_extent {
    gpa_t gpa;
    uint64_t bytes;
};

// A VM can give RAM away in units of this size, which begin at multiples of it.
#define HOST_UNIT_BYTES (2 * MIB)

#define GUEST_EXTENTS 3 // below the VGA hole, from its text memory to the device hole, above 4 GiB

// A VM's host address space: the hypervisor, the VM's RAM at GUEST_WINDOW, its modules, its store.
struct host_space {
    uint64_t cr3;    // 0: there is none
    uint64_t window; // host address of gpa 0
    unsigned extent_count;
    struct guest_extent extents[GUEST_EXTENTS];
    uint64_t ram_end;         // the RAM below this gpa is there
    uint64_t reserved_frames; // for the RAM above it, and for holes
    bool in_units;            // RAM is mapped in units, so that it can be given away
    uint64_t holes;           // units that are given away
    uint64_t store;           // host address of the store
    uint64_t store_bytes;
};

// RAM of a VM that is contiguous in the machine too.
struct host_run {
    gpa_t gpa;
    hpa_t hpa;
    uint64_t bytes;
};

struct host_memory_use {
    uint64_t guest_bytes;      // all memory for guests
    uint64_t guest_free;       // how much of it is free
    uint64_t hypervisor_bytes; // the hypervisor's own frames
    uint64_t hypervisor_free;
};

// A back end may have a timer of its own that ends a run in time, but stands still during exits.
// The CPU's timer comes so much later then.
#define HOST_LATE_NS 50000

struct host {
    uint64_t (*now_ns)(void);          // since boot, the same on every CPU
    void (*set_deadline)(uint64_t ns); // this CPU's timer interrupt; NEVER_NS: none
    void (*kick)(unsigned cpu);        // makes that CPU leave idle or its guest soon
    // Makes that CPU take posted interrupts, with FEATURE_POSTED. A guest that runs there stays and
    // gets them at once. If the CPU is in the host, the guest gets them at its next entry.
    void (*kick_posted)(unsigned cpu);
    // Whether a kick, a call or an interrupt of a device has come to this CPU since the last
    // question. Then the CPU has more to do than the guest that it runs. vcpu_run asks when a run
    // begins, and back ends tell it of what comes later.
    bool (*disturbed)(void);
    unsigned (*cpu_count)(void); // CPUs that run
    unsigned (*this_cpu)(void);  // the number of the CPU that asks, below cpu_count
    // Runs `call` on that CPU, between two runs of guests, and waits until it has returned.
    // STATUS_BUSY: the CPU did not take it within a second, and `call` will not run any more. Then
    // the CPU is stuck: each call is refused at once, until the CPU comes to look for one.
    MUST_CHECK enum status (*call)(unsigned cpu, void (*call)(void *), void *argument);
    bool (*answers)(unsigned cpu); // false: that CPU is stuck

    // Memory for the hypervisor itself: zeroed, page-aligned, contiguous. NULL if none is left.
    void *(*allocate)(uint64_t bytes);
    void (*release)(void *memory, uint64_t bytes);

    // Guest memory, in pieces: each call does a part of the work that takes far less than 1 ms.
    //
    // space_reserve makes a space, and keeps as much memory for it as these extents need. It may be
    // called for a space with RAM, also while that is given back, with the same extents: the space
    // keeps what it has, and gets what it has given away. A refusal changes nothing.
    MUST_CHECK enum status (*space_reserve)(struct host_space *space,
                                            const struct guest_extent *extents, unsigned count,
                                            struct reason *why);
    // Finds the first run of RAM at or above `from`. If the space does not have it yet, the space
    // gets it now. `from` is 0 or the end of the run before. A run of 0 bytes: there is no more
    // RAM. STATUS_NO_MEMORY: there are no frames for page tables.
    MUST_CHECK enum status (*space_ram)(struct host_space *space, gpa_t from, struct host_run *run);
    // RAM still holds data of earlier owners until this has zeroed it, `bytes` within one extent at
    // a time. The space is entered.
    void (*space_zero)(const struct host_space *space, gpa_t gpa, uint64_t bytes);
    // Makes a hole: gives the unit of RAM at `gpa` to the machine. The space is `in_units`, was so
    // from its first RAM on, and has the unit. No CPU is in the space, or uses the unit before it
    // enters the space again. What Husk reads and writes there from now on is other RAM of the VM.
    void (*space_make_hole)(struct host_space *space, gpa_t gpa);
    // Fills a hole. The unit holds data of earlier owners. False: the machine has no memory. As
    // above, but this CPU may be in the space.
    MUST_CHECK bool (*space_fill_hole)(struct host_space *space, gpa_t gpa);
    // Gives a part of the RAM back, the last first. True: there is no RAM left. False: call it
    // again.
    MUST_CHECK bool (*space_empty)(struct host_space *space);
    // Gives a part of the space back. True: there is nothing left, and *space is 0. False: call it
    // again.
    MUST_CHECK bool (*space_destroy)(struct host_space *space);
    // Adds memory to the end of the space's store, with whatever its earlier owners left in it.
    // Returns how many bytes; 0: there is no memory. The space is entered, on any CPU. The caller
    // sees to it that there is one call at a time.
    uint64_t (*space_grow_store)(struct host_space *space);
    // Maps a payload read-only into MODULE_WINDOW and returns its address; NULL: no frames. A piece
    // of 2 MiB that begins at a multiple of 2 MiB needs the fewest tables.
    const uint8_t *(*space_map_module)(struct host_space *space, hpa_t start, uint64_t bytes);
    void (*space_enter)(const struct host_space *space); // NULL: the hypervisor's own space
    struct host_memory_use (*memory_use)(void);

    struct cpuid_registers (*cpuid)(uint32_t leaf, uint32_t subleaf); // of this CPU
    uint64_t (*xcr0_mask)(void);         // state components that guests may have; 0: no XSAVE
    uint64_t (*tsc)(void);               // this CPU's time-stamp counter
    uint64_t (*tsc_hz)(void);            // how fast it counts
    uint64_t (*ns_at_tsc)(uint64_t tsc); // the value of now_ns when the TSC has this value

    void (*log)(const char *line); // one line for the log and the console, no newline in it

    // The machine's date: seconds since 1970-01-01 00:00:00 UTC. It changes when a second of now_ns
    // is over.
    uint64_t (*wall_clock_s)(void);

    // Fills `words` words with random numbers of the CPU. False: it has none, or none now.
    MUST_CHECK bool (*random)(uint64_t *to, unsigned words);
};

// Formats a line and logs it. A line of more than 239 characters is cut.
void host_log(const struct host *host, const char *format, ...) PRINTF_LIKE(2, 3);
