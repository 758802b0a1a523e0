// SPDX-License-Identifier: MIT
// A virtual machine and the set of all of them: what the monitor and kernel_main do with VMs.
#pragma once

#include "vmm/backend.h"
#include "vmm/config.h"
#include "vmm/guest_memory.h"
#include "vmm/host.h"
#include "vmm/terminal.h"

#define VMS_MAX 64
#define VM_VCPUS_MAX 1
#define HOST_CPUS_MAX 256

struct pc;
struct vcpu;
struct vmm;

enum vm_state {
    VM_OFF, // no memory, no CPU: never started, or stopped by hand
    VM_RUNNING,
    VM_PAUSED, // keeps memory and state; its clock stands still
    VM_ENDED,  // ended by itself or by an error; `ended` says why
};

// A payload in the machine's memory: a GRUB module (physical) or one linked into Husk (virtual).
struct vm_payload {
    hpa_t start;           // of a module
    const uint8_t *linked; // NULL: a module
    uint64_t size;
    const char *command_line;
};

struct vm {
    struct vmm *vmm;
    struct vm_config config;
    unsigned payload_count;
    struct vm_payload payloads[1 + LOAD_MODULES_MAX]; // the first is what is run

    enum vm_state state;
    bool failed;          // it ended by an error, not by its own wish
    bool reset_requested; // by the guest: carried out when its CPU is out of it
    uint64_t exit_status; // valid if VM_ENDED and not failed
    struct reason ended;
    uint64_t restart_at_ns;   // host time at which it is started again (restart=); NEVER_NS
    uint64_t started_ns;      // host time of the last start or reset
    uint64_t build_ns;        // how long it took
    uint64_t virtual_time_ns; // of the scheduler: who has the least runs next
    unsigned starts;          // how often it was started or reset
    unsigned cpu; // the CPU that its vCPUs are pinned to; all its state belongs to that CPU

    uint64_t clock_base_ns; // host time at which the VM's clock read 0
    uint64_t paused_at_ns;  // host time of the pause, valid if VM_PAUSED
    uint64_t paused_at_tsc;

    struct host_space space;
    struct guest_memory memory;
    struct nested_space *nested;
    struct vcpu *vcpus[VM_VCPUS_MAX];
    struct pc *pc;
    struct terminal terminal;

    uint64_t unclaimed_memory_accesses; // those of ports are in pc->io
    uint64_t unknown_msr_accesses;
    uint64_t last_unclaimed_gpa;
    uint32_t last_unknown_msr;
};

// A payload that is linked into Husk, named on the command line or by the monitor's `start`.
struct linked_payload {
    const char *name;
    const uint8_t *start;
    uint64_t size;
    const char *purpose; // one line for `help start`
};

// All VMs. One of these exists, owned by kernel_main (or a test).
struct vmm {
    const struct host *host;
    const struct vcpu_ops *ops;            // NULL: this machine runs no guests
    struct reason no_guests;               // why not
    const struct linked_payload *firmware; // ROM for the end of the first MiB; NULL: none
    const struct linked_payload *linked;
    unsigned linked_count;
    unsigned vm_count;
    struct vm *vms[VMS_MAX];
    struct scheduler *schedulers[HOST_CPUS_MAX];
    bool runs_guests[HOST_CPUS_MAX]; // its CPUs on which the back end is switched on
    unsigned next_cpu;               // for VMs that are not pinned
};

// Everything below runs on CPU 0, from the main loop; what concerns a VM's state is carried out on
// its own CPU by host->call. Errors: `why` has a line for the user.

enum status vm_create(struct vmm *vmm, const struct vm_config *config, struct vm **vm,
                      struct reason *why);
// A VM by name, or NULL.
struct vm *vm_find(struct vmm *vmm, const char *name);
// A new VM, named like the payload, from a payload that is linked into Husk.
enum status vm_create_linked(struct vmm *vmm, const char *payload, struct vm **vm,
                             struct reason *why);

// What it runs (the first), and its modules. False: it has 1 + LOAD_MODULES_MAX already.
MUST_CHECK bool vm_add_payload(struct vm *vm, const struct vm_payload *payload);

enum status vm_start(struct vm *vm, struct reason *why);  // from VM_OFF, VM_ENDED
enum status vm_stop(struct vm *vm, struct reason *why);   // from any but VM_OFF; frees its memory
enum status vm_pause(struct vm *vm, struct reason *why);  // from VM_RUNNING
enum status vm_resume(struct vm *vm, struct reason *why); // from VM_PAUSED
enum status vm_reset(struct vm *vm, struct reason *why);  // from VM_RUNNING, VM_PAUSED, VM_ENDED

const char *vm_state_name(enum vm_state state);

// For inspection: runs `call` on the VM's CPU with its address space loaded.
void vm_call(struct vm *vm, void (*call)(struct vm *vm, void *context), void *context);

// The core of its first vCPU; NULL in VM_OFF.
struct vcpu_core *vm_vcpu_core(struct vm *vm);

// Wakes the VM's CPU because input is waiting in its terminal.
void vm_input_ready(struct vm *vm);

// Ends a running VM, on its own CPU: by its own wish (`failed` false, with its exit status in
// vm->exit_status) or by an error. It keeps its memory for inspection until it is stopped or
// started again.
void vm_end(struct vm *vm, bool failed, const char *format, ...) PRINTF_LIKE(3, 4);
// Asks for a reset of a running VM, on its own CPU, at the end of the exit.
void vm_request_reset(struct vm *vm);

// On the VM's own CPU, between two runs: carries out a reset or restart that is due. Returns the
// host time at which one will be, NEVER_NS: none is asked for.
uint64_t vm_settle(struct vm *vm);
// Running, and not waiting for its reset.
static inline bool vm_wants_to_run(const struct vm *vm)
{
    return vm->state == VM_RUNNING && !vm->reset_requested;
}

// On the VM's own CPU: everything that a running VM has and one that is off has not. In vm_build.c.
enum status vm_build(struct vm *vm, struct reason *why);
void vm_tear_down(struct vm *vm);
