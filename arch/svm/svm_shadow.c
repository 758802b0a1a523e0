// SPDX-License-Identifier: MIT
// Keeps virtual interrupts out of the shadow of STI and MOV SS on a machine whose VMRUN does not
// load the shadow.
//
// A CPU saves and loads the shadow (APM Vol. 2 15.21.5). QEMU saves it in the VMCB and never loads
// it. When an interrupt of the host exits between the guest's STI and HLT, the guest's own
// interrupt would then come before HLT, and the guest would sleep although it has had its
// interrupt. So the window for interrupts stays closed for a moment, in which the guest runs to its
// next exit or to the host's timer.
#include "arch/svm/svm_shadow.h"

#include "arch/svm/svm.h"
#include "arch/svm/svm_capability.h"
#include "arch/svm/svm_controls.h"
#include "arch/svm/svm_inject.h"
#include "arch/svm/vmcb.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

// How long the guest runs. If it exits at the same instruction, either it had no time to execute
// the instruction, or the instruction jumps to itself. So the guest gets twice as long. After this
// many times the instruction is taken for a jump to itself.
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
