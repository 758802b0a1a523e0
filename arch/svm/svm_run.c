// SPDX-License-Identifier: MIT
// Enters a guest and stays with it, exit after exit, until the host has other work.
#include "arch/svm/svm_run.h"

#include "arch/svm/svm.h"
#include "arch/svm/svm_avic.h"
#include "arch/svm/svm_cpu.h"
#include "arch/svm/svm_enter.h"
#include "arch/svm/svm_inject.h"
#include "arch/svm/svm_instructions.h"
#include "arch/svm/svm_probe.h"
#include "arch/svm/svm_shadow.h"
#include "arch/svm/svm_state.h"
#include "arch/svm/svm_tlb.h"
#include "arch/x86/cpu.h"
#include "arch/x86/instructions.h"
#include "arch/x86/time.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

// The guest gets at least this long, however late it is. If the timer fired before VMRUN, the run
// would end before the guest's first instruction, again and again.
#define GUEST_NS_MIN 5000

// `hold_ns`: the guest runs for this long, whatever else there is to do; 0: until the deadline.
static void set_timer(const struct vcpu_core *vcpu, uint64_t hold_ns)
{
    uint64_t now_ns = time_now_ns();
    uint64_t earliest_ns = now_ns + GUEST_NS_MIN;
    time_set_deadline(hold_ns ? now_ns + hold_ns : MAX(vcpu->deadline_ns, earliest_ns));
}

// From here on TR is the guest's, and an NMI of the host would take its stack from that TR. So GIF
// keeps all interrupts away until `leave` (APM Vol. 2 15.17).
static void enter(struct backend_vcpu *backend)
{
    svm_clgi();
    svm_vmload(backend->vmcb_physical);
    backend->state_in_cpu = true;
}

// Interrupts and NMIs that have waited are taken here. vcpu_run must know of those that have not
// ended the run by an exit: a guest whose exits come before interrupts may never exit for one.
static void leave(struct vcpu_core *vcpu)
{
    struct backend_vcpu *backend = vcpu->backend;
    svm_vmsave(backend->vmcb_physical);
    backend->state_in_cpu = false;
    svm_vmload(svm_host_vmcb());
    svm_stgi();
    interrupts_window();
    if (cpu_this()->disturbed) {
        __atomic_or_fetch(&vcpu->work, WORK_HOST, __ATOMIC_RELAXED);
    }
}

void svm_run(struct vcpu_core *vcpu)
{
    struct backend_vcpu *backend = vcpu->backend;
    svm_load_vcpu(vcpu);
    svm_probe_end(vcpu);
    svm_take_back_cr0(vcpu);
    svm_tlb_prepare(vcpu);
    uint64_t shadow_ns = svm_shadow_hold(vcpu);
    uint64_t nmi_ns = svm_nmi_hold(vcpu);
    set_timer(vcpu, shadow_ns ? shadow_ns : nmi_ns);
    vcpu->exits_left = BACKEND_EXITS_A_RUN;
    svm_avic_enter(vcpu, cpu_this()->apic_id);
    cpu_this()->disturbed = false; // what came before has been looked at
    enter(backend);
    svm_enter(vcpu);
    leave(vcpu);
    svm_avic_leave(vcpu);
    svm_shadow_release(vcpu);
}
