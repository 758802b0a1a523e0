// SPDX-License-Identifier: MIT
// AMD-V: a vCPU's hardware state, and what the files of arch/svm know of each other.
#pragma once

#include "arch/svm/vmcb.h"
#include "arch/x86/live_state.h"
#include "arch/x86/spinlock.h"
#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/exit.h"
#include "vmm/util/lock.h"
#include "vmm/util/types.h"

// A page of the guest's code in 64-bit mode, with what its translation went through: while none of
// that changes, it is the same page.
struct code_page {
    uint64_t start; // linear
    uint64_t cr3;
    const uint8_t *bytes;
    struct guest_code_step steps[GUEST_CODE_STEPS];
} __attribute__((aligned(128))); // an array of them is indexed by a shift

#define CODE_PAGES 4

// The hardware's part of a vCPU.
struct backend_vcpu {
    struct vmcb vmcb; // first: a page of its own, and the assembly takes this for the VMCB
    uint64_t vmcb_physical;
    bool next_rip_saved;        // the hardware says where the next instruction is
    uint32_t all_clean;         // CLEAN_ALL; 0 where clean bits are not used
    bool state_in_cpu;          // what VMLOAD loads is in the CPU, and newer than the VMCB
    bool nmi_blocked;           // an NMI's handler runs: IRET is intercepted
    uint32_t causes;            // of its intercepts: bits of enum svm_cause
    bool cr0_native;            // the guest has CR0 to itself (see svm_state.c)
    uint64_t cr0_hidden;        // bits of CR0 that the guest only believes to have
    uint64_t cr4_hidden;        // bits of CR4 that it has without knowing
    uint64_t cr4_forced;        // bits of CR4 that stay set, whatever the guest writes
    uint64_t efer_hidden;       // bits of EFER that it only believes to have
    uint64_t nmi_iret_rip;      // of the IRET that ends the blocking: it may not be through yet
    bool nmi_waits;             // for a moment at which it can be injected
    uint32_t nmi_holds;         // how often the guest was let run for that
    unsigned cpu;               // on which it was loaded last
    uint64_t asid_generation;   // of that CPU, when it got its ASID
    uint64_t nested_generation; // of the nested_space when this CPU last flushed
    bool shadow_held;           // see svm_shadow.c
    uint32_t shadow_exits;
    uint64_t shadow_rip;
    uint32_t logical_id;     // of the local APIC as it is in the AVIC's table, and
    uint32_t logical_format; // how it is meant: LDR and DFR
    uint8_t *probe_pages;    // see svm_probe.c; NULL: it is not probing
    gpa_t probed;
    struct vm_exit exit;    // the one in hand
    struct live_state live; // what stays in the CPU while the vCPU is loaded
    struct code_page code[CODE_PAGES];
};

// A VM's nested page table and permission maps: of all its vCPUs, whichever CPUs they are on.
struct nested_space {
    struct spinlock lock; // held by who changes what follows; CPUs read it all the time
    uint64_t *root;
    uint64_t generation; // changes when a mapping is taken away; no two spaces share one
    uint8_t *msr_map;    // 2 bits an MSR: reads, writes (APM Vol. 2 15.11)
    uint8_t *io_map;     // a bit a port (15.10.1)

    // With AVIC (svm_avic.c).
    uint8_t *x2apic_msr_map;
    void *apic_access_page;
    uint64_t *apics;         // by their APIC ID
    uint32_t *logical_apics; // APIC IDs by their logical ID
    struct lock logical_lock;
};
