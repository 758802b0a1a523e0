// SPDX-License-Identifier: MIT
// A virtual machine, the set of all VMs, and what the vCPUs of a VM may do to it.
#pragma once

#include "vmm/address.h"
#include "vmm/board/pc_output.h"
#include "vmm/config/config.h" // IWYU pragma: export
#include "vmm/host.h"
#include "vmm/load/load.h"
#include "vmm/load/load_plan.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/lock.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/paravirt_clock.h"
#include "vmm/vm/terminal.h"

#define VMS_MAX 64
#define VM_SWITCHES_MAX 16
#define VM_LOGGED_MSRS 16

enum vm_state {
    VM_OFF,      // no memory, no CPU: never started, or stopped by hand
    VM_STARTING, // is being built piece by piece; no vCPU runs yet
    VM_RUNNING,
    VM_PAUSED,   // keeps memory and state; its clock stands still
    VM_ENDED,    // ended by itself or by an error; `ended` says why
    VM_STOPPING, // gives back what it has, piece by piece; no vCPU runs any more
    VM_RESIZING, // gives RAM away or takes it back, piece by piece; no vCPU runs meanwhile
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

// Where a vCPU runs. It outlives the vCPU: it stays the same while the VM is torn down and built.
// Only that CPU touches it, but for `sleep` and `ready_ns`.
struct vm_slot {
    unsigned cpu;
    bool held; // see vmm/vm/vm_hold.h
    // The scheduler's:
    unsigned sleep; // atomic: the vCPU sleeps until something so urgent comes; 0: it is awake
    uint64_t virtual_time_ns; // of the VM's vCPUs on that CPU, the one with the least runs next
    uint64_t wake_ns;         // host time at which a vCPU that sleeps is looked at; NEVER_NS: none
    uint64_t ready_ns;        // atomic: since when it has waited to run; if it sleeps, wake_ns
};

// What a start does, in this order, in pieces of much less than 1 ms (vmm/vm/vm_build.c).
enum build_stage {
    BUILD_CLEAR, // gives back what is left of the life before, but not the memory
    BUILD_NESTED,
    BUILD_MEMORY, // allocates it and maps it, for Husk and for the guest
    BUILD_ZERO,
    BUILD_DISKS, // maps their images, drops what was written
    BUILD_DEVICES,
    BUILD_VCPUS,
    BUILD_MAP, // payload and modules, for Husk
    BUILD_LOAD,
    BUILD_COPY,
    BUILD_REGISTERS, // of the vCPUs
    BUILD_BOARD,
    BUILD_DONE
};

// How far a start is. Valid while the VM is VM_STARTING.
struct vm_start {
    enum build_stage stage;
    struct host_run run;   // the memory that is to be mapped for the guest next
    unsigned vcpu;         // how many vCPUs the stage has done
    unsigned payload;      // how many payloads are mapped
    uint64_t mapped_bytes; // of the next one
    struct load_request request;
    struct load_result result;
    struct load_plan plan;
};

struct vm {
    struct vmm *vmm;
    unsigned index; // it is vmm->vms[index]
    struct vm_config config;
    struct reason refused; // what is wrong with a further line of it: it cannot start; "": nothing
    unsigned payload_count;
    struct vm_payload payloads[1 + LOAD_MODULES_MAX]; // the first one runs, the others are modules

    enum vm_state state;
    bool ending;           // atomic: a vCPU has ended it; later ends do not count
    bool failed;           // it ended by an error, not by its own wish
    bool ends;             // VM_STOPPING: it becomes VM_ENDED, because its start failed; not VM_OFF
    bool reset_requested;  // atomic: the guest asked for a reset, which waits until no vCPU is held
    bool resize_requested; // atomic: likewise, the VM's balloon has something to give or to take
    bool caught;           // atomic: a debugger lets no reset or restart begin
    bool held_back;        // atomic: CPU 0 keeps all vCPUs from running while it changes the state
    uint64_t exit_status;  // valid if VM_ENDED and not failed
    struct reason ended;
    uint64_t restart_at_ns;       // host time of its restart (restart=); NEVER_NS: none
    enum start_cause start_cause; // of the last start
    uint64_t zeroed_bytes;        // atomic: how much of its memory the last start has zeroed
    struct vm_start start;
    uint64_t started_ns;                // host time at which the last start let it run
    uint64_t build_ns;                  // how much of its CPU's time the last start (or stop) took
    unsigned starts;                    // how often it was started or reset
    struct vm_slot slots[VM_VCPUS_MAX]; // config.vcpus of them
    int32_t holders;                    // atomic: how many vCPUs are held; -1: the VM is seized
    uint32_t apic_turn; // atomic: the vCPU whose turn it is among equals (vmm/vcpu/apic_bus.h)
    struct lock apic_lock;
    unsigned apics_elsewhere; // vCPUs whose local APIC is not at the address of the APIC page
    uint32_t stirs;           // atomic: counts signals that wake a vCPU with interrupts off too

    uint64_t clock_base_ns; // host time at which the VM's clock read 0
    uint64_t tsc_offset;    // how far its TSC is ahead of the host's, before a vCPU's tsc_adjust
    uint64_t paused_at_ns;  // host time of the pause, valid if VM_PAUSED
    uint64_t paused_at_tsc;
    struct paravirt_clock paravirt_clock;

    struct host_space space;
    struct vm_disks *disks; // NULL: none
    struct vm_nets *nets;   // NULL: none
    struct guest_memory memory;
    struct nested_space *nested;
    struct vcpu *vcpus[VM_VCPUS_MAX];
    struct pc *pc;
    struct pc_entropy *entropy; // rng=yes; else NULL
    struct vm_balloon *balloon; // balloon=yes; else NULL
    struct pc_output pc_output; // see vmm/vm/vm_board.h
    struct terminal terminal;
    struct vm_hvc *hvc; // its second console; NULL: none

    // Atomic. The counters for ports are in pc->io.
    uint64_t unclaimed_memory_accesses;
    uint64_t unknown_msr_accesses;
    uint64_t unknown_instructions; // on device memory
    uint64_t last_unclaimed_gpa;
    uint64_t last_unknown_rip;
    uint32_t last_unknown_msr;
    uint64_t logged_msrs[VM_LOGGED_MSRS]; // msrs=ignore: which ones the log names; 0: none
};

// The CPU of the first vCPU. The VM is built there, changes its state there, and has the timers of
// its devices there.
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
    bool runs_guests[HOST_CPUS_MAX]; // the CPUs on which the back end is switched on
    unsigned next_cpu;               // for VMs that are not pinned
    unsigned switch_count;
    struct vm_switch *switches[VM_SWITCHES_MAX]; // see vmm/vm/vm_nets.h
    uint64_t talking; // atomic, a set of VMs: those that have sent output since CPU 0 looked
};

// The VM's clock in ns: it begins with 0 and stands still while the VM is paused.
static inline uint64_t vm_now_ns(const struct vm *vm)
{
    return vm->vmm->host->now_ns() - vm->clock_base_ns;
}

// The state, on any CPU.
static inline enum vm_state vm_get_state(const struct vm *vm)
{
    return __atomic_load_n(&vm->state, __ATOMIC_ACQUIRE);
}

// Whether the VM's home CPU has work to do for it: a start, the end of a stop, a change of its RAM
// (vm_continue).
static inline bool vm_is_in_work(const struct vm *vm)
{
    enum vm_state state = vm_get_state(vm);
    return state == VM_STARTING || state == VM_STOPPING || state == VM_RESIZING;
}

// Whether CPU 0 keeps the vCPUs from running.
static inline bool vm_is_held_back(const struct vm *vm)
{
    return __atomic_load_n(&vm->held_back, __ATOMIC_RELAXED);
}

// Whether the VM is running and does not wait for its reset or for a change of its state or RAM.
static inline bool vm_wants_to_run(const struct vm *vm)
{
    return vm_get_state(vm) == VM_RUNNING &&
           !__atomic_load_n(&vm->reset_requested, __ATOMIC_RELAXED) &&
           !__atomic_load_n(&vm->resize_requested, __ATOMIC_RELAXED) && !vm_is_held_back(vm);
}

const char *vm_state_name(enum vm_state state);

// End the VM by an error, or by its own wish with an exit status. To be called on the CPU of a vCPU
// that runs. Only the first end counts. The VM keeps its memory for inspection until it is stopped
// or started again.
void vm_fail(struct vm *vm, const char *format, ...) PRINTF_LIKE(2, 3);
void vm_end(struct vm *vm, uint64_t status, const char *format, ...) PRINTF_LIKE(3, 4);
// Asks for a reset of a running VM, after the current exit. To be called on the CPU of one of its
// vCPUs.
void vm_request_reset(struct vm *vm);
// The VM's vCPUs stop, until its home CPU has seen to its balloon.
void vm_request_resize(struct vm *vm);
// Whether the guest has given the RAM at `address` away. Then the VM gets it back, if it can, and
// the access is to be tried again. In vmm/vm/vm_balloon.c.
bool vm_touch(struct vm *vm, gpa_t address);

// Only for vmm/vm/. To be called on the VM's home CPU or on that of a vCPU which ends the VM. Other
// CPUs read `state` at any time (guests_all_ended). So `restart_at_ns` must be right before the VM
// becomes VM_ENDED, and it does not change while the VM starts.
static inline void vm_set_state(struct vm *vm, enum vm_state state)
{
    __atomic_store_n(&vm->state, state, __ATOMIC_RELEASE);
}
// Makes the VM VM_ENDED, and sets the time of the restart if the VM's line asks for one.
void vm_set_ended(struct vm *vm, bool failed);
// How long a VM must run or wait between two starts: `least_ns`, or more if its last start took
// long. So its starts take only a small part of its CPU's time.
uint64_t vm_pause_between_starts_ns(const struct vm *vm, uint64_t least_ns);
