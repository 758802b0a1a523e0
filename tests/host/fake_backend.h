// SPDX-License-Identifier: MIT
// A back end without hardware: registers are kept, events recorded, and the guest is a script.
#pragma once

#include "tests/host/fake_host.h"
#include "vmm/backend.h"

#define FAKE_EVENTS_MAX 256
#define FAKE_MAPS_MAX 2048
#define FAKE_MSRS_MAX 32
#define FAKE_INSTRUCTION_BYTES 2 // what the hardware says that any instruction has

// One thing that the guest does. `before` may set registers; the exit takes `takes_ns`.
struct fake_step {
    struct vm_exit exit;
    uint64_t takes_ns;
    void (*before)(struct vcpu_core *vcpu);
};

struct fake_map {
    gpa_t gpa;
    hpa_t hpa;
    uint64_t bytes;
    unsigned access;
};

struct fake_intercept {
    uint32_t msr;
    bool reads;
    bool writes;
};

struct nested_space {
    unsigned map_count;
    struct fake_map maps[FAKE_MAPS_MAX];
    bool apic_page_hidden;
    unsigned msr_count;
    struct fake_intercept msrs[FAKE_MSRS_MAX];
};

struct backend_vcpu {
    uint64_t registers[REG_COUNT];
    struct segment segments[SEGMENT_COUNT];
    bool event_waiting; // will be delivered by the next entry
    struct event event;
    bool window; // interrupt-window exits are on
    bool nmi_window;
    // With FEATURE_APIC: what it was told.
    enum apic_access apic_access;
    uint8_t requested;
    uint8_t in_service;
    uint64_t eoi_exits[4];
    bool in_cpu; // loaded into `cpu` and not unloaded since
    unsigned cpu;
};

struct fake_backend {
    struct vcpu_ops ops;
    struct vcpu_core *current[FAKE_CPUS_MAX];
    unsigned features;
    unsigned live_vcpus;
    unsigned live_nested;
    unsigned runs;
    unsigned window_requests; // one a round of vcpu_run
    unsigned dumps;

    // What guests do: `guest`, or else the script, and after it they run on for ever.
    void (*guest)(struct vcpu_core *vcpu);
    const struct fake_step *script;
    unsigned script_length;
    unsigned script_at;
    enum exit_action last_action;

    unsigned event_count; // delivered to guests
    struct event events[FAKE_EVENTS_MAX];
};

// The one of the test program.
extern struct fake_backend fake_backend;

void fake_backend_init(void);
// Which vCPU is the current one of the CPU that runs (fake_host.cpu).
struct vcpu_core **fake_backend_current(void);
void fake_backend_play(const struct fake_step *script, unsigned length);

// One exit, as the loop of a back end carries it out: counted, handled, RIP moved. The CPL of a
// hypercall is filled in.
enum exit_action fake_backend_exit(struct vcpu_core *vcpu, struct vm_exit exit);

// What a notification makes the processor do, in the guest or at the next entry.
void fake_backend_take_posted(struct vcpu_core *vcpu);

// What an entry does to the guest: delivers the event that waits. True: it then leaves at once with
// an interrupt window.
bool fake_backend_enter(struct vcpu_core *vcpu);

// A guest that computes until the deadline, when the host's timer ends its run.
void fake_backend_compute(struct vcpu_core *vcpu);

// The last event that was delivered, or that waits; NULL: none.
const struct event *fake_backend_last_event(void);
// Whether an exception of that vector waits for the next entry.
bool fake_backend_fault_waits(const struct vcpu_core *vcpu, uint8_t vector);
// Where `gpa` is mapped to; `access` is 0 where it is not.
struct fake_map fake_backend_mapping(const struct nested_space *nested, gpa_t gpa);
