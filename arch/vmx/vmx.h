// SPDX-License-Identifier: MIT
// VT-x: the structures that the files of arch/vmx share.
#pragma once

#include "arch/x86/live_state.h"
#include "arch/x86/spinlock.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

// What decides about the control words of a vCPU's VMCS. Only vmx_controls.h writes it.
struct vmx_controls {
    enum apic_access apic;
    bool interrupt_window; // the guest exits when it can take an interrupt
    bool nmi_window;       // the guest exits when it can take an NMI
};

// The hardware's part of a vCPU.
struct backend_vcpu {
    struct vmcs *vmcs;
    struct live_state live; // what stays in the CPU while the vCPU is loaded
    struct vmx_controls controls;
    uint16_t vpid;
    bool placed;                // its host state is that of the CPU whose VMCS it is
    bool launched;              // VMRESUME from now on
    bool flush;                 // this vCPU's VPID may have stale translations
    uint64_t nested_generation; // of the nested_space when this CPU last flushed
    uint32_t entry_error;       // VM-instruction error of a failed entry, 0: none
    uint32_t last_reason;       // of the last exit that was not understood
};

// A VM's EPT and permission bitmaps. All its vCPUs use them, on whatever CPUs.
struct nested_space {
    struct spinlock lock; // who changes the EPT has it
    uint64_t *root;       // EPT PML4
    uint64_t eptp;
    uint64_t generation; // atomic: changes when a mapping is taken away; no two spaces share one
    uint8_t *msr_bitmap; // read low, read high, write low, write high: 1 KiB each
    // With APIC virtualization: of vCPUs whose APIC is in x2APIC mode, and the page at which the
    // others' is.
    uint8_t *x2apic_msr_bitmap;
    void *apic_access_page;
    uint8_t *io_bitmaps; // ports 0 to 0x7fff, then 0x8000 to 0xffff; a set bit exits
};
