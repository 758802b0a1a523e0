// SPDX-License-Identifier: MIT
// What the host wants while a guest runs: the end of the run, and interrupts of the host.
#include "arch/svm/svm_host_event.h"

#include "arch/svm/svm.h"
#include "arch/svm/svm_flags.h"
#include "arch/svm/svm_inject.h"
#include "arch/svm/svm_instructions.h"
#include "arch/svm/svm_intercepts.h"
#include "arch/svm/vmcb.h"
#include "arch/x86/cpu.h"
#include "arch/x86/flight_note.h"
#include "arch/x86/instructions.h"
#include "arch/x86/registers.h"
#include "arch/x86/time.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

// The guest gets at least this long, however late it is. If the timer fired before VMRUN, the run
// would end before the guest's first instruction, again and again.
#define GUEST_NS_MIN 5000

void svm_timer_set(struct vcpu_core *vcpu, uint64_t hold_ns)
{
    uint64_t now_ns = time_now_ns();
    uint64_t earliest_ns = now_ns + GUEST_NS_MIN;
    vcpu->backend->held = hold_ns != 0;
    time_set_deadline(hold_ns ? now_ns + hold_ns : MAX(vcpu->deadline_ns, earliest_ns));
}

void svm_load_guest(struct backend_vcpu *backend)
{
    svm_clgi();
    svm_vmload(backend->vmcb_physical);
    backend->state_in_cpu = true;
    if (__builtin_expect(backend->vmcb.control.eventinj & EVENTINJ_VALID, false)) {
        svm_nudge(backend);
    }
}

void svm_load_host(struct backend_vcpu *backend)
{
    svm_vmsave(backend->vmcb_physical);
    backend->state_in_cpu = false;
    svm_vmload(backend->host_physical);
    svm_stgi();
    interrupts_window();
}

static void begin_event(struct vcpu_core *vcpu)
{
    (void)svm_requeue_event(vcpu);
    flight_pass_host(vcpu);
}

static void end_run(struct vcpu_core *vcpu)
{
    __atomic_or_fetch(&vcpu->work, WORK_HOST, __ATOMIC_RELAXED);
}

void svm_host_event(struct vcpu_core *vcpu)
{
    begin_event(vcpu);
    end_run(vcpu);
}

// If an interrupt of the host and the guest's window come together, the host's exits first
// (15.21.4). The guest's need not wait for a second exit then: it goes in with the next entry. In
// Bochs that second exit would not come.
static void use_open_window(struct vcpu_core *vcpu)
{
    if (svm_intercepts_has(vcpu, CAUSE_INTERRUPT_WINDOW) &&
        (vcpu->backend->vmcb.save.rflags & RFLAGS_IF)) {
        __atomic_or_fetch(&vcpu->work, WORK_EVENTS, __ATOMIC_RELAXED);
    }
}

// VMRUN takes RFLAGS.IF for the guest's time too: with IF clear no interrupt would exit.
void svm_host_interrupt(struct vcpu_core *vcpu)
{
    struct backend_vcpu *backend = vcpu->backend;
    if (svm_flags_spoiled(&backend->vmcb.save)) {
        svm_flags_repair(&backend->vmcb.save);
    }
    begin_event(vcpu);
    if (backend->held) {
        end_run(vcpu);
        return;
    }
    svm_load_host(backend);
    if (!cpu_this()->disturbed && vcpu_goes_on(vcpu)) {
        time_set_deadline(vcpu->deadline_ns);
        use_open_window(vcpu);
    } else {
        end_run(vcpu);
    }
    svm_load_guest(backend);
    interrupts_enable();
}
