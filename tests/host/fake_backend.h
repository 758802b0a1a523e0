// SPDX-License-Identifier: MIT
// A back end without hardware: it keeps registers, records events, and runs a script as the guest.
#pragma once

#include "tests/host/fake_host.h"
#include "vmm/backend.h"

#define FAKE_EVENTS_MAX 256
#define FAKE_MAPS_MAX 2048
#define FAKE_MAP_BYTES (256 * MIB) // one call maps to the next multiple of it at most
#define FAKE_MSRS_MAX 32
#define FAKE_INSTRUCTION_BYTES 2 // the hardware gives this length for every instruction

// One exit of the guest, which takes `takes_ns`. `before` may set registers first.
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
    struct vector vectors[VECTOR_NUMBERS];
    bool event_waiting; // the next entry delivers the event
    struct event event;
    bool window; // interrupt-window exits are on
    bool nmi_window;
    // With FEATURE_APIC: what vmm/ has set.
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
    unsigned renewals;        // so often runs may still go on after their deadline
    unsigned window_requests; // vcpu_run makes one a round
    unsigned dumps;

    // What guests do: `guest` if it is set, else the script, after which they run on for ever.
    void (*guest)(struct vcpu_core *vcpu);
    const struct fake_step *script;
    unsigned script_length;
    unsigned script_at;
    enum exit_action last_action;

    unsigned event_count; // how many events guests got
    struct event events[FAKE_EVENTS_MAX];
};

// The one fake back end of the test program.
extern struct fake_backend fake_backend;

void fake_backend_init(void);
// The current vCPU of the CPU that runs (fake_host.cpu).
struct vcpu_core **fake_backend_current(void);
void fake_backend_play(const struct fake_step *script, unsigned length);

// Carries out one exit as the loop of a back end does: counts it, handles it, moves RIP. Fills in
// the CPL of a hypercall.
enum exit_action fake_backend_exit(struct vcpu_core *vcpu, struct vm_exit exit);

// Takes posted interrupts, as the processor does after a notification in the guest or at the next
// entry.
void fake_backend_take_posted(struct vcpu_core *vcpu);

// Offers an event for the next entry, as vcpu_ops.inject does.
bool fake_backend_offer(struct backend_vcpu *backend, const struct event *event);

// Enters the guest: delivers the event that waits. Returns true if the guest leaves at once with an
// interrupt window.
bool fake_backend_enter(struct vcpu_core *vcpu);

// A guest that computes until the deadline, when the host's timer ends its run.
void fake_backend_compute(struct vcpu_core *vcpu);

// The last event that was delivered or that waits; NULL if there is none.
const struct event *fake_backend_last_event(void);
// Whether an exception of that vector waits for the next entry.
bool fake_backend_fault_waits(const struct vcpu_core *vcpu, uint8_t vector);
// The mapping of `gpa`. `access` is 0 if it is not mapped.
struct fake_map fake_backend_mapping(const struct nested_space *nested, gpa_t gpa);
