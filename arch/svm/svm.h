// SPDX-License-Identifier: MIT
// AMD-V: the structures that the files of arch/svm share.
#pragma once

#include "arch/svm/vmcb.h"
#include "arch/x86/live_state.h"
#include "arch/x86/spinlock.h"
#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/exit.h"
#include "vmm/util/lock.h"
#include "vmm/util/types.h"

// A page of the guest's code in 64-bit mode, with the page-table entries that its translation went
// through. As long as none of them changes, the address leads to the same page.
struct code_page {
    uint64_t start; // linear
    uint64_t cr3;
    const uint8_t *bytes;
    struct guest_code_step steps[GUEST_CODE_STEPS];
} __attribute__((aligned(128))); // an array of them is indexed by a shift

#define CODE_PAGES 4

// NMIs of a guest (svm_nmi.c). With virtual NMIs the CPU does all of this.
struct svm_nmi {
    bool blocked;      // the guest runs an NMI's handler
    bool waits;        // an NMI waits until it can be injected
    uint64_t iret_rip; // of the IRET that ends the handler; the guest may still be at it
    uint32_t holds;    // how often the guest has run for a moment because an NMI waits
};

// A single step of the guest that it does not see (svm_step.c).
struct svm_step {
    bool runs;        // RFLAGS.TF is set for it
    bool loads_flags; // the instruction loads RFLAGS
    bool trapped;     // the last step is done
    uint64_t own_tf;  // the guest's own RFLAGS.TF
    uint64_t own_dr6; // and its own DR6
    uint64_t rip;     // where a debugger's step began
};

// The hardware's part of a vCPU.
struct backend_vcpu {
    struct vmcb vmcb; // first: a page of its own, and the assembly takes the structure for it
    uint64_t vmcb_physical;
    uint64_t host_physical; // of the CPU that it is loaded on: what VMLOAD gives back to the host
    bool next_rip_saved;    // the hardware says where the next instruction is
    uint32_t all_clean;     // CLEAN_ALL; 0 where clean bits are not used
    bool state_in_cpu;      // what VMLOAD loads is in the CPU; the VMCB's copy is old
    uint32_t causes;        // of the intercepts: bits of enum svm_cause
    uint64_t cr0_hidden;    // bits of CR0 that are set for the guest, and clear in the CPU
    uint64_t cr4_hidden;    // bits of CR4 that are clear for the guest, and set in the CPU
    uint64_t cr4_forced;    // bits of CR4 that stay set, whatever the guest writes
    uint64_t efer_hidden;   // bits of EFER that are set for the guest, and clear in the CPU
    struct svm_nmi nmi;
    struct svm_step step;
    unsigned cpu;               // the CPU that loaded the vCPU last
    uint64_t asid_generation;   // of that CPU, when the vCPU got its ASID
    uint64_t nested_generation; // of the nested_space when this CPU last flushed
    bool held;                  // the timer ends a hold (svm_shadow_hold, svm_nmi_hold)
    bool shadow_held;           // see svm_shadow.c
    uint32_t shadow_exits;
    uint64_t shadow_rip;
    uint32_t logical_id;     // the local APIC's LDR that is in the AVIC's table,
    uint32_t logical_format; // and the DFR that goes with it
    uint8_t *probe_pages;    // see svm_probe.c; NULL: there is no probe
    gpa_t probed;
    struct vm_exit exit;    // the exit that is being handled
    struct live_state live; // what stays in the CPU while the vCPU is loaded
    struct code_page code[CODE_PAGES];
};

// A VM's nested tables and permission maps. All its vCPUs use them, on whatever CPUs.
struct nested_space {
    struct spinlock lock; // for changes of the tables and maps; CPUs read them all the time
    uint64_t *root;
    uint64_t generation; // changes when a mapping is taken away; no two spaces share one
    uint8_t *msr_map;    // two bits for each MSR: reads, writes (APM Vol. 2 15.11)
    uint8_t *io_map;     // a bit for each port (15.10.1)

    // With AVIC (svm_avic.c).
    uint8_t *x2apic_msr_map;
    void *apic_access_page;
    uint64_t *apics;         // the physical APIC ID table: an entry for each APIC ID
    uint32_t *logical_apics; // the logical APIC ID table: an APIC ID for each logical ID
    struct lock logical_lock;
};
