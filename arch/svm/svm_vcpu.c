// SPDX-License-Identifier: MIT
// A vCPU's VMCB: made, filled with what exits, and given back.
#include "arch/svm/svm.h"

#include "arch/svm/svm_code.h"
#include "arch/svm/svm_cpu.h"
#include "arch/svm/svm_probe.h"
#include "arch/x86/frames.h"
#include "arch/x86/registers.h"

#define BACKEND_PAGES (ALIGN_UP(sizeof(struct backend_vcpu), PAGE_SIZE) / PAGE_SIZE)

static_assert(offsetof(struct backend_vcpu, vmcb) == 0, "the VMCB is page-aligned like its frames");

// #AC and #DB exit because a guest whose handler faults likewise would never leave the CPU's
// microcode (CVE-2015-5307, CVE-2015-8104); #MC because it concerns the host.
#define INTERCEPTED_EXCEPTIONS ((uint32_t)(BIT(VECTOR_DB) | BIT(VECTOR_AC) | BIT(VECTOR_MC)))

#define INTERCEPTED                                                                                \
    (INTERCEPT_INTR | INTERCEPT_NMI | INTERCEPT_INIT | INTERCEPT_CR0_SELECTIVE | INTERCEPT_RDPMC | \
     INTERCEPT_CPUID | INTERCEPT_INVD | INTERCEPT_HLT | INTERCEPT_INVLPGA | INTERCEPT_IOIO |       \
     INTERCEPT_MSR | INTERCEPT_TASK_SWITCH | INTERCEPT_SHUTDOWN)

// EFER.SVME must be set in a guest, so it has all of these instructions if they do not exit.
#define INTERCEPTED_SVM                                                                            \
    (INTERCEPT_VMRUN | INTERCEPT_VMMCALL | INTERCEPT_VMLOAD | INTERCEPT_VMSAVE | INTERCEPT_STGI |  \
     INTERCEPT_CLGI | INTERCEPT_SKINIT | INTERCEPT_WBINVD | INTERCEPT_MONITOR | INTERCEPT_MWAIT |  \
     INTERCEPT_XSETBV | INTERCEPT_RDPRU)

#define CR4_ACCESSES BIT(4)
#define CR8_ACCESSES BIT(8)

// How many PAUSEs do not exit, and after how many cycles without one they are counted anew (APM
// Vol. 2 15.14.4).
#define PAUSES 3000
#define PAUSE_THRESHOLD_CYCLES 128

static void fill_pause_filter(struct vmcb_control *control)
{
    if (svm_capability()->features & SVM_PAUSE_FILTER) {
        control->intercepts |= (uint32_t)INTERCEPT_PAUSE;
        control->pause_count = PAUSES;
        control->pause_threshold = PAUSE_THRESHOLD_CYCLES;
    }
}

static void fill_controls(struct vmcb_control *control, const struct nested_space *nested)
{
    control->cr_reads = CR8_ACCESSES;
    control->cr_writes = CR4_ACCESSES | CR8_ACCESSES;
    control->exceptions = INTERCEPTED_EXCEPTIONS;
    control->intercepts = (uint32_t)INTERCEPTED;
    control->intercepts_svm = (uint32_t)INTERCEPTED_SVM;
    fill_pause_filter(control);
    control->iopm_base = frames_physical(nested->io_map);
    control->msrpm_base = frames_physical(nested->msr_map);
    control->v_intr = V_INTR_MASKING;
    control->nested = NESTED_ENABLE;
    control->nested_cr3 = frames_physical(nested->root);
}

// Guest state that nothing else sets.
static void fill_state(struct vcpu_core *vcpu)
{
    svm_set_register(vcpu, REG_CR0, CR0_ET);
    svm_set_register(vcpu, REG_CR4, 0);
    svm_set_register(vcpu, REG_EFER, 0);
    svm_set_register(vcpu, REG_RFLAGS, 0);
    svm_set_register(vcpu, REG_DR6, DR6_FIXED);
    svm_set_register(vcpu, REG_DR7, DR7_FIXED);
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
    backend->nmi_iret_rip = UINT64_MAX; // where no IRET is
    vcpu->backend = backend;
    svm_code_forget(vcpu);
    svm_load_vcpu(vcpu);
    fill_controls(&backend->vmcb.control, vcpu->nested);
    svm_avic_create_vcpu(vcpu);
    fill_state(vcpu);
    return STATUS_OK;
}

void svm_destroy_vcpu(struct vcpu_core *vcpu)
{
    svm_probe_end(vcpu);
    svm_avic_destroy_vcpu(vcpu);
    svm_unload_vcpu(vcpu);
    free_backend(vcpu->backend);
    vcpu->backend = NULL;
}
