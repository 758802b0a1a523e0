// SPDX-License-Identifier: MIT
// VT-x: the structures that the files of arch/vmx share.
#pragma once

#include "arch/x86/live_state.h"
#include "arch/x86/spinlock.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

// The control words of a vCPU's VMCS follow from this. Only vmx_controls.[ch] write it.
struct vmx_controls {
    enum apic_access apic;
    bool interrupt_window; // the guest exits when it can take an interrupt
    bool nmi_window;       // the guest exits when it can take an NMI
    bool debug_registers;  // the guest's accesses to debug registers exit
    bool monitor_trap;     // the guest exits behind its next instruction or event
};

// A debugger's single step (vmx_debug.c).
struct vmx_step {
    uint64_t rip; // where it began
    bool trapped; // it is done
    bool sets_tf; // RFLAGS.TF is set for it
    bool loads_flags;
    uint64_t own_tf;      // the guest's own RFLAGS.TF
    uint64_t own_pending; // and its own pending traps
};

// The hardware's part of a vCPU.
struct backend_vcpu {
    struct vmcs *vmcs;
    struct live_state live; // what stays in the CPU while the vCPU is loaded
    struct vmx_controls controls;
    uint16_t vpid;
    bool placed;                // the VMCS has the host state of the CPU that holds it
    bool launched;              // the next entry is a VMRESUME
    bool flush;                 // this vCPU's VPID may have stale translations
    uint64_t nested_generation; // the nested_space had it when this CPU last flushed
    uint32_t entry_error;       // VM-instruction error of a failed entry, 0: none
    uint32_t last_reason;       // of the last exit that was not understood
    struct vmx_step step;
};

// A VM's EPT and permission bitmaps. All vCPUs of the VM use them.
struct nested_space {
    struct spinlock lock; // held while the EPT changes
    uint64_t *root;       // EPT PML4
    uint64_t eptp;
    uint64_t generation; // atomic; it changes when a mapping is taken away; no two spaces share one
    uint8_t *msr_bitmap; // four parts: see vmx_bitmaps.c
    // With APIC virtualization: the MSR bitmap of vCPUs whose APIC is in x2APIC mode, and the page
    // at which the others see their APIC.
    uint8_t *x2apic_msr_bitmap;
    void *apic_access_page;
    uint8_t *io_bitmaps; // ports 0 to 0x7fff, then 0x8000 to 0xffff; a port whose bit is set exits
};
