// SPDX-License-Identifier: MIT
// Makes a vCPU's VMCB, fills it, and gives it back.
#include "arch/svm/svm_vcpu.h"

#include "arch/svm/svm.h"
#include "arch/svm/svm_avic.h"
#include "arch/svm/svm_capability.h"
#include "arch/svm/svm_code.h"
#include "arch/svm/svm_controls.h"
#include "arch/svm/svm_cpu.h"
#include "arch/svm/svm_intercepts.h"
#include "arch/svm/svm_nmi.h"
#include "arch/svm/svm_probe.h"
#include "arch/svm/svm_state.h"
#include "arch/svm/vmcb.h"
#include "arch/x86/frames.h"
#include "arch/x86/instructions.h"
#include "arch/x86/live_state.h"
#include "arch/x86/registers.h"
#include "vmm/backend.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

#define BACKEND_PAGES (ALIGN_UP(sizeof(struct backend_vcpu), PAGE_SIZE) / PAGE_SIZE)

static_assert(offsetof(struct backend_vcpu, vmcb) == 0, "the VMCB is page-aligned like its frames");

// This many PAUSEs do not exit. After this many cycles without a PAUSE, the count begins anew (APM
// Vol. 2 15.14.4).
#define PAUSES 3000
#define PAUSE_THRESHOLD_CYCLES 128

static void fill_pause_filter(struct vcpu_core *vcpu)
{
    struct vmcb_control *control = &vcpu->backend->vmcb.control;
    if (svm_capability()->features & SVM_PAUSE_FILTER) {
        control->pause_count = PAUSES;
        control->pause_threshold = PAUSE_THRESHOLD_CYCLES;
        svm_intercepts_set(vcpu, CAUSE_PAUSE_FILTER, true);
    }
}

static void fill_controls(struct vcpu_core *vcpu)
{
    struct vmcb_control *control = &vcpu->backend->vmcb.control;
    const struct nested_space *nested = vcpu->nested;
    svm_intercepts_set(vcpu, CAUSE_ALWAYS, true);
    svm_intercepts_set(vcpu, CAUSE_CR8_IN_MODEL, true);
    fill_pause_filter(vcpu);
    control->iopm_base = frames_physical(nested->io_map);
    svm_set_msr_map(vcpu, nested->msr_map);
    svm_set_v_intr(vcpu, V_INTR_MASKING, V_INTR_MASKING);
    svm_nmi_create_vcpu(vcpu);
    control->nested = NESTED_ENABLE;
    svm_set_nested_root(vcpu, nested->root);
}

// Guest state that must be valid from the start.
static void fill_state(struct vcpu_core *vcpu)
{
    svm_set_register(vcpu, REG_CR0, CR0_ET);
    svm_set_register(vcpu, REG_CR4, 0);
    svm_set_register(vcpu, REG_EFER, 0);
    svm_set_register(vcpu, REG_RFLAGS, 0);
    svm_set_register(vcpu, REG_DR6, DR6_FIXED);
    svm_set_register(vcpu, REG_DR7, DR7_FIXED);
    svm_set_register(vcpu, REG_INTERRUPT_SHADOW, 0);
}

static void free_backend(struct backend_vcpu *backend)
{
    if (backend->live.fpu) {
        live_state_destroy(&backend->live);
    }
    frames_release(backend, BACKEND_PAGES);
}

enum status svm_create_vcpu(struct vcpu_core *vcpu, struct reason *why)
{
    struct backend_vcpu *backend = frames_allocate(BACKEND_PAGES);
    if (!backend) {
        return refuse(why, STATUS_NO_MEMORY, "no frames for a vCPU");
    }
    if (live_state_create(&backend->live) != STATUS_OK) {
        free_backend(backend);
        return refuse(why, STATUS_NO_MEMORY, "no frames for a vCPU's registers");
    }
    backend->vmcb_physical = frames_physical(backend);
    backend->next_rip_saved = svm_capability()->features & SVM_NEXT_RIP;
    backend->all_clean = svm_capability()->features & SVM_CLEAN_BITS ? CLEAN_ALL : 0;
    backend->cr4_forced = read_cr4() & CR4_MCE;
    vcpu->backend = backend;
    svm_code_forget(vcpu);
    svm_load_vcpu(vcpu);
    fill_controls(vcpu);
    svm_avic_create_vcpu(vcpu);
    fill_state(vcpu);
    return STATUS_OK;
}

void svm_destroy_vcpu(struct vcpu_core *vcpu)
{
    svm_probe_free(vcpu);
    svm_avic_destroy_vcpu(vcpu);
    svm_unload_vcpu(vcpu);
    free_backend(vcpu->backend);
    vcpu->backend = NULL;
}
