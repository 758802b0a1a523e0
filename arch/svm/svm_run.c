// SPDX-License-Identifier: MIT
// Enters a guest and stays with it, exit after exit, until the host has other work.
#include "arch/svm/svm_run.h"

#include "arch/svm/svm_avic.h"
#include "arch/svm/svm_cpu.h"
#include "arch/svm/svm_enter.h"
#include "arch/svm/svm_host_event.h"
#include "arch/svm/svm_nmi.h"
#include "arch/svm/svm_probe.h"
#include "arch/svm/svm_shadow.h"
#include "arch/svm/svm_step.h"
#include "arch/svm/svm_tlb.h"
#include "arch/x86/cpu.h"
#include "arch/x86/flight_note.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

void svm_run(struct vcpu_core *vcpu)
{
    struct backend_vcpu *backend = vcpu->backend;
    svm_load_vcpu(vcpu);
    svm_probe_end(vcpu);
    svm_tlb_prepare(vcpu);
    uint64_t shadow_ns = svm_shadow_hold(vcpu);
    uint64_t nmi_ns = svm_nmi_enter(vcpu);
    svm_timer_set(vcpu, shadow_ns ? shadow_ns : nmi_ns);
    flight_renew(vcpu);
    svm_avic_enter(vcpu, cpu_this()->apic_id);
    svm_load_guest(backend);
    svm_enter(vcpu);
    svm_load_host(backend);
    // Those interrupts that have not ended the run by an exit, too: a guest whose exits come before
    // interrupts may never exit for one.
    if (cpu_this()->disturbed) {
        __atomic_or_fetch(&vcpu->work, WORK_HOST, __ATOMIC_RELAXED);
    }
    svm_avic_leave(vcpu);
    svm_shadow_release(vcpu);
    svm_step_leave(vcpu);
}
