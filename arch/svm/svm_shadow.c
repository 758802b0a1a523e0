// SPDX-License-Identifier: MIT
// Keeps a virtual interrupt out of the shadow of STI and MOV SS where VMRUN does not load it.
//
// QEMU saves the shadow in the VMCB and never loads it (APM Vol. 2 15.21.5 has it do both). When
// the host's interrupt exits between STI and HLT, the guest's own interrupt would then come before
// HLT, and the guest would sleep through it. So the guest runs on for a moment with the window for
// interrupts closed: until its next exit, or the host's timer.
#include "arch/svm/svm_shadow.h"

#include "arch/svm/svm.h"
#include "arch/svm/svm_capability.h"
#include "arch/svm/svm_controls.h"
#include "arch/svm/svm_inject.h"
#include "arch/svm/vmcb.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

// How long the guest runs. An exit at the same instruction means that it has not come to execute
// it, or that it jumps to itself: it gets twice as long, and after so many times it does the
// latter.
#define HOLD_NS 20000ULL
#define SAME_RIP_MAX 10

uint64_t svm_shadow_hold(struct vcpu_core *vcpu)
{
    struct backend_vcpu *backend = vcpu->backend;
    backend->shadow_held = svm_capability()->is_qemu_tcg && backend->vmcb.control.interrupt_shadow;
    if (!backend->shadow_held) {
        backend->shadow_exits = 0;
        return 0;
    }
    backend->shadow_rip = backend->vmcb.save.rip;
    svm_request_interrupt_window(vcpu, false);
    __atomic_or_fetch(&vcpu->work, WORK_ENTRY, __ATOMIC_RELAXED); // back after one exit
    return HOLD_NS << backend->shadow_exits;
}

void svm_shadow_release(struct vcpu_core *vcpu)
{
    struct backend_vcpu *backend = vcpu->backend;
    const struct vmcb *vmcb = &backend->vmcb;
    bool stayed = backend->shadow_held && vmcb->control.exitcode == VMEXIT_INTR &&
                  vmcb->save.rip == backend->shadow_rip;
    if (stayed && backend->shadow_exits++ < SAME_RIP_MAX) {
        svm_set_interrupt_shadow(backend, true);
    }
}
