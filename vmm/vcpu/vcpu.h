// SPDX-License-Identifier: MIT
// A virtual CPU: its state, its registers, and the faults that it gets.
#pragma once

#include "vmm/backend.h"
#include "vmm/devices/lapic.h"
#include "vmm/emulate/emulate_cache.h"
#include "vmm/exit.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/cpuid.h"
#include "vmm/vcpu/msr.h"
#include "vmm/vcpu/paravirt.h"
#include "vmm/vcpu/vcpu_mail.h"

// A processor keeps one NMI while it handles another (SDM Vol. 3A 6.7.1, APM Vol. 2 8.2.3). Of two
// that come before the vCPU looks, the first would have begun at once, and the second would be
// kept.
#define NMIS_MAX 2

struct vcpu {
    struct vcpu_core core; // first: the part that the back end knows
    struct vm *vm;
    const struct vcpu_ops *ops;
    const struct host *host;
    unsigned index;    // in its VM; also its APIC ID
    unsigned features; // enum backend_feature

    alignas(PAGE_SIZE) struct lapic lapic;
    struct lapic_output lapic_output;
    struct cpuid_table cpuid;
    struct msr_state msrs;
    struct paravirt paravirt;
    struct vcpu_mail mail;
    bool halted;                  // HLT: waits for an interrupt
    bool waits_for_startup;       // after an INIT
    bool asleep;                  // atomic: halted or waiting, and only MAIL_WAKES_ALL can wake it
    uint8_t nmis_pending;         // at most NMIS_MAX
    bool in_nmi;                  // one was delivered; a HLT looks whether its IRET has come
    bool extint_pending;          // the I/O APIC has sent an ExtINT
    bool kicked;                  // KVM_HC_KICK_CPU: the HLT that it is in, or the next one, ends
    bool takes_posted;            // atomic: see vcpu_apic_take_posted
    bool gives_way;               // its run ended because it waits for another vCPU in a loop
    enum apic_access apic_access; // see vcpu_apic_place
    uint64_t apic_ram;            // the page of RAM that its APIC hides, by vm->apic_lock
    // What its emulated accesses find to be RAM: the VM's memory, or the same without that page.
    const struct guest_memory *memory;
    struct guest_memory memory_beside_apic;
    uint64_t tsc_adjust;       // atomic: how far its TSC is ahead of its VM's
    uint64_t next_event_ns;    // host time at which vcpu_run looks at the timers again
    uint64_t devices_event_ns; // host time at which it looks at the devices again
    uint64_t next_look_ns;     // no look before, unless the guest sets a timer
    uint64_t late_ns;          // how late the host's timer ends its runs, of late
    bool uses_breakpoints;     // DR7 may have one switched on (vcpu_breakpoints.c)
    struct emulator_cache emulator_cache;
    uint64_t unknown_rip; // of the last instruction on device memory that the emulator did not know

    uint64_t run_ns; // how long it has run
};

// Husk's own memory is small on a small machine, and a VM may have 64 vCPUs.
static_assert(sizeof(struct vcpu) <= 4 * PAGE_SIZE, "a vCPU has four frames at most");

static inline struct vcpu *vcpu_of(struct vcpu_core *core)
{
    return container_of(core, struct vcpu, core);
}

// Whether an NMI ends a HLT of this vCPU: not of an NMI's own handler, which blocks NMIs.
static inline bool vcpu_nmis_wake(const struct vcpu *vcpu)
{
    return !vcpu->in_nmi;
}

// An NMI has come. To be called on the vCPU's CPU.
static inline void vcpu_add_nmi(struct vcpu *vcpu)
{
    vcpu->nmis_pending = (uint8_t)MIN(vcpu->nmis_pending + 1, NMIS_MAX);
}

// Makes the back end's loop return at the end of the exit, for `work` (enum vcpu_work). To be
// called on the vCPU's CPU.
static inline void vcpu_post_work(struct vcpu *vcpu, uint32_t work)
{
    __atomic_or_fetch(&vcpu->core.work, work, __ATOMIC_RELEASE);
}

// Whether the vCPU waits for an interrupt or a signal, so that it executes nothing.
static inline bool vcpu_waits(const struct vcpu *vcpu)
{
    return vcpu->halted || vcpu->waits_for_startup;
}

// General register `gpr` (enum guest_gpr), GPR_RSP included.
uint64_t vcpu_gpr(const struct vcpu *vcpu, unsigned gpr);
void vcpu_set_gpr(struct vcpu *vcpu, unsigned gpr, uint64_t value);

static inline uint64_t vcpu_register(const struct vcpu *vcpu, enum guest_register which)
{
    return vcpu->ops->get_register(&vcpu->core, which);
}

static inline void vcpu_set_register(struct vcpu *vcpu, enum guest_register which, uint64_t value)
{
    vcpu->ops->set_register(&vcpu->core, which, value);
}

// Whether the guest's code is in 64-bit mode.
bool vcpu_in_64bit_mode(const struct vcpu *vcpu);

// Faults for the guest. The handler of the exit returns what they return: RETRY, or, if another
// event is waiting already, STOP with the VM ended.
enum exit_action vcpu_fault(struct vcpu *vcpu, uint8_t vector);
enum exit_action vcpu_fault_code(struct vcpu *vcpu, uint8_t vector, uint32_t error_code);
enum exit_action vcpu_page_fault(struct vcpu *vcpu, uint64_t address, uint32_t error_code);
// #DB. `causes` are the bits that it sets in DR6.
enum exit_action vcpu_debug_exception(struct vcpu *vcpu, uint64_t causes);
// The same for any exception.
enum exit_action vcpu_inject(struct vcpu *vcpu, const struct event *event);
