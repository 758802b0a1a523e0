// SPDX-License-Identifier: MIT
// A single step of the guest: RFLAGS.TF is set for one instruction, and the trap exits.
//
// Each exception that the instruction may raise exits too and is injected when TF is the guest's
// own again, so none of them pushes the TF of the step.
#include "arch/svm/svm_step.h"

#include "arch/svm/svm.h"
#include "arch/svm/svm_controls.h"
#include "arch/svm/svm_intercepts.h"
#include "arch/svm/vmcb.h"
#include "arch/x86/apic.h"
#include "arch/x86/cpu.h"
#include "arch/x86/registers.h"
#include "arch/x86/vectors.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

static void intercept_exceptions(struct vcpu_core *vcpu, bool wanted)
{
    svm_intercepts_set(vcpu, CAUSE_STEP, wanted);
    svm_intercepts_set(vcpu, CAUSE_PAGE_FAULT, wanted || vcpu->backend->probe_pages);
}

static void set_dr6(struct vcpu_core *vcpu, uint64_t value)
{
    vcpu->backend->vmcb.save.dr6 = value;
    svm_mark_dirty(vcpu, CLEAN_DR);
}

// DR6 begins without causes, so that it says at the trap which ones the instruction has met. The
// run ends at the next exit, whatever its cause.
void svm_step_begin(struct vcpu_core *vcpu, bool loads_flags)
{
    struct vmcb_save *save = &vcpu->backend->vmcb.save;
    svm_end_run(vcpu);
    if (vcpu->backend->step.runs) {
        return;
    }
    vcpu->backend->step = (struct svm_step){.runs = true,
                                            .loads_flags = loads_flags,
                                            .own_tf = save->rflags & RFLAGS_TF,
                                            .own_dr6 = save->dr6,
                                            .rip = save->rip};
    save->rflags |= RFLAGS_TF;
    set_dr6(vcpu, save->dr6 & ~(uint64_t)DR6_CAUSES);
    intercept_exceptions(vcpu, true);
}

// VMRUN delivers the event. The interrupt makes the guest exit right behind that.
void svm_step_delivery(struct vcpu_core *vcpu)
{
    apic_send_fixed(cpu_this()->apic_id, VECTOR_NUDGE);
    svm_end_run(vcpu);
}

static void set_own_tf(struct vcpu_core *vcpu)
{
    uint64_t *rflags = &vcpu->backend->vmcb.save.rflags;
    *rflags = (*rflags & ~(uint64_t)RFLAGS_TF) | vcpu->backend->step.own_tf;
}

static void end_step(struct vcpu_core *vcpu)
{
    vcpu->backend->step.runs = false;
    intercept_exceptions(vcpu, false);
}

// The trap is the guest's if the guest had TF set, or if the instruction has met a breakpoint.
bool svm_step_trapped(struct vcpu_core *vcpu)
{
    struct svm_step *step = &vcpu->backend->step;
    uint64_t met = vcpu->backend->vmcb.save.dr6 & DR6_CAUSES;
    if (!step->runs) {
        return false;
    }
    end_step(vcpu);
    step->trapped = true;
    vcpu->backend->nmi.iret_rip = NO_RIP;
    if (!step->loads_flags) {
        set_own_tf(vcpu);
    }
    met &= step->own_tf ? DR6_CAUSES : DR6_BREAKPOINTS;
    if (!met && !step->own_tf) {
        set_dr6(vcpu, step->own_dr6);
        return true;
    }
    set_dr6(vcpu, (step->own_dr6 & ~(uint64_t)DR6_BREAKPOINTS) | met);
    return false;
}

// The exit came before the instruction was done, or instead of it.
void svm_step_undo(struct vcpu_core *vcpu)
{
    set_own_tf(vcpu);
    set_dr6(vcpu, vcpu->backend->step.own_dr6);
    end_step(vcpu);
}
