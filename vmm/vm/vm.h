// SPDX-License-Identifier: MIT
// A virtual machine and the set of all of them, and what the vCPUs of a VM may do to it.
#pragma once

#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/board/pc_output.h"
#include "vmm/config/config.h" // IWYU pragma: export
#include "vmm/host.h"
#include "vmm/load/load.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/lock.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"
#include "vmm/vm/terminal.h"

#define VMS_MAX 64

enum vm_state {
    VM_OFF,      // no memory, no CPU: never started, or stopped by hand
    VM_STARTING, // has its memory, which is zeroed piece by piece; no CPU yet
    VM_RUNNING,
    VM_PAUSED, // keeps memory and state; its clock stands still
    VM_ENDED,  // ended by itself or by an error; `ended` says why
};

// What made a VM start.
enum start_cause { START_BY_HAND, RESET_BY_HAND, RESET_BY_GUEST, RESTART };

// A payload in the machine's memory: a GRUB module (physical) or one linked into Husk (virtual).
struct vm_payload {
    hpa_t start;           // of a module
    const uint8_t *linked; // NULL: a module
    uint64_t size;
    const char *command_line;
};

// Where a vCPU runs; the same before the VM is built and after it is torn down. Touched by that CPU
// only.
struct vm_slot {
    unsigned cpu;
    bool held;                // see vmm/vm/vm_hold.h
    uint64_t virtual_time_ns; // of the scheduler: who has the least runs next
};

struct vm {
    struct vmm *vmm;
    struct vm_config config;
    unsigned payload_count;
    struct vm_payload payloads[1 + LOAD_MODULES_MAX]; // the first is what is run

    enum vm_state state;
    bool ending;          // atomic: the first of several vCPUs that end it has its way
    bool failed;          // it ended by an error, not by its own wish
    bool reset_requested; // atomic, by the guest: carried out when no vCPU is held
    bool held_back;       // atomic, by CPU 0: no vCPU is to run while the VM's state changes
    uint64_t exit_status; // valid if VM_ENDED and not failed
    struct reason ended;
    uint64_t restart_at_ns;       // host time at which it is started again (restart=); NEVER_NS
    enum start_cause start_cause; // of the last start
    uint64_t zeroed_bytes;        // atomic: of its memory, by the last start
    uint64_t started_ns;          // host time at which that let it run
    uint64_t build_ns;            // how much of its CPU's time that took
    unsigned starts;              // how often it was started or reset
    struct vm_slot slots[VM_VCPUS_MAX]; // config.vcpus of them
    int32_t holders;    // atomic: how many vCPUs are held, or that nobody may hold one
    uint32_t apic_turn; // atomic: whose turn it is among equals (vmm/vcpu/apic_bus.h)
    struct lock apic_lock;
    unsigned apics_elsewhere; // vCPUs whose local APIC is not where the page of it is mapped
    uint32_t stirs;           // atomic: signals that wake even a vCPU that takes no interrupts

    uint64_t clock_base_ns; // host time at which the VM's clock read 0
    uint64_t tsc_offset;    // what its TSC is ahead of the host's, before a vCPU's own adjustment
    uint64_t paused_at_ns;  // host time of the pause, valid if VM_PAUSED
    uint64_t paused_at_tsc;

    struct host_space space;
    struct guest_memory memory;
    struct nested_space *nested;
    struct vcpu *vcpus[VM_VCPUS_MAX];
    struct pc *pc;
    struct pc_output pc_output; // see vmm/vm/vm_board.h
    struct terminal terminal;

    // Atomic. Those of ports are in pc->io.
    uint64_t unclaimed_memory_accesses;
    uint64_t unknown_msr_accesses;
    uint64_t last_unclaimed_gpa;
    uint32_t last_unknown_msr;
};

// The CPU of its first vCPU: there the VM is built, changes its state, and has its devices' timers.
static inline unsigned vm_home_cpu(const struct vm *vm)
{
    return vm->slots[0].cpu;
}

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

// The VM's clock in ns: the host's, less the time that the VM was paused.
static inline uint64_t vm_now_ns(const struct vm *vm)
{
    return vm->vmm->host->now_ns() - vm->clock_base_ns;
}

// Running, and not waiting for its reset or for a change of its state.
static inline bool vm_wants_to_run(const struct vm *vm)
{
    return __atomic_load_n(&vm->state, __ATOMIC_ACQUIRE) == VM_RUNNING &&
           !__atomic_load_n(&vm->reset_requested, __ATOMIC_RELAXED) &&
           !__atomic_load_n(&vm->held_back, __ATOMIC_RELAXED);
}

const char *vm_state_name(enum vm_state state);

// On the CPU of a vCPU that runs: ends the VM by an error, or by its own wish with an exit status.
// The first end counts. The VM keeps its memory for inspection until it is stopped or started
// again.
void vm_fail(struct vm *vm, const char *format, ...) PRINTF_LIKE(2, 3);
void vm_end(struct vm *vm, uint64_t status, const char *format, ...) PRINTF_LIKE(3, 4);
// Asks for a reset of a running VM, on the CPU of one of its vCPUs, at the end of the exit.
void vm_request_reset(struct vm *vm);

// For vmm/vm/ alone, on the VM's home CPU or on that of a vCPU which ends the VM. Others read
// `state` at any time (guests_all_ended): `restart_at_ns` is right before the VM is VM_ENDED, and
// stays as it is while the VM starts.
static inline void vm_set_state(struct vm *vm, enum vm_state state)
{
    __atomic_store_n(&vm->state, state, __ATOMIC_RELEASE);
}
// VM_ENDED, with the time of the restart if the VM's line asks for one.
void vm_set_ended(struct vm *vm, bool failed);
// How long a VM must run or wait between two starts, `least_ns` or more: starts are the VM's own
// time on its CPU, and shall be a small part of it.
uint64_t vm_pause_between_starts_ns(const struct vm *vm, uint64_t least_ns);
