// SPDX-License-Identifier: MIT
// Single steps for a debugger. An instruction is stepped over by RFLAGS.TF (svm_step.c), unless it
// exits: then Husk executes it, and a changed RIP says that it is done. With TF set, a HLT would
// not halt. An event that waits is delivered without TF, which its delivery would push.
#include "arch/svm/svm_debug.h"

#include "arch/svm/svm.h"
#include "arch/svm/svm_inject.h"
#include "arch/svm/svm_step.h"
#include "arch/svm/vmcb.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

void svm_debug_step(struct vcpu_core *vcpu, enum step kind)
{
    struct svm_step *step = &vcpu->backend->step;
    if (kind == STEP_NONE) {
        return;
    }
    if (svm_event_waits(vcpu)) {
        svm_step_delivery(vcpu);
    } else if (kind == STEP_EXITS) {
        svm_end_run(vcpu);
    } else {
        svm_step_begin(vcpu, kind == STEP_LOADS_FLAGS);
    }
    step->trapped = false;
    step->rip = vcpu->backend->vmcb.save.rip;
}

bool svm_debug_stepped(const struct vcpu_core *vcpu)
{
    const struct svm_step *step = &vcpu->backend->step;
    return step->trapped || vcpu->backend->vmcb.save.rip != step->rip;
}
