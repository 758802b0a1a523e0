// SPDX-License-Identifier: MIT
// Husk's own hypercalls: number in RAX, arguments in RBX and RCX, result in RAX. KVM's have other
// numbers (vmm/vcpu/paravirt_call.h) and the same errors.
#pragma once

#include "arch/x86/kvm_interface.h"
#include "vmm/exit.h"

struct vcpu;

// A guest calls with VMCALL or VMMCALL, at CPL 0 in any mode.
enum hypercall {
    HYPERCALL_VERSION = 0, // returns HYPERCALL_SIGNATURE
    HYPERCALL_END = 1,     // ends the VM; RBX is its exit status
    HYPERCALL_CLOCK = 2,   // returns the VM's clock in ns
};

#define HYPERCALL_SIGNATURE 0x4b535548ULL                 // "HUSK"
#define HYPERCALL_UNKNOWN (-(uint64_t)KVM_ERROR_NOSYS)    // no such number
#define HYPERCALL_NOT_ALLOWED (-(uint64_t)KVM_ERROR_PERM) // the call came from CPL 1 to 3

enum exit_action vcpu_hypercall_exit(struct vcpu *vcpu, const struct exit_hypercall *call);
