// SPDX-License-Identifier: MIT
// What the host wants while a guest runs: the end of the run, and interrupts and NMIs of the host.
#include "arch/vmx/vmx_host_event.h"

#include "arch/vmx/vmcs.h"
#include "arch/vmx/vmcs_bits.h"
#include "arch/vmx/vmx_capability.h"
#include "arch/vmx/vmx_capability_shared.h"
#include "arch/vmx/vmx_inject.h"
#include "arch/x86/cpu.h"
#include "arch/x86/flight_note.h"
#include "arch/x86/instructions.h"
#include "arch/x86/interrupts.h"
#include "arch/x86/time.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

static void set_preemption_timer(uint64_t ticks)
{
    ticks >>= vmx_capability()->preemption_timer_shift;
    vmcs_write32(PREEMPTION_TIMER_VALUE, (uint32_t)MIN(ticks, UINT32_MAX));
}

static bool has_preemption_timer(void)
{
    return vmx_capability()->pin & PIN_PREEMPTION_TIMER;
}

// The preemption timer counts only while the guest runs, so the run of a guest with many exits ends
// a little late. The scheduler charges that time too.
void vmx_timer_set(const struct vcpu_core *vcpu)
{
    if (has_preemption_timer()) {
        set_preemption_timer(time_ticks_until(vcpu->deadline_ns));
    } else {
        time_set_deadline(vcpu->deadline_ns);
    }
}

// The CPU's timer stays set while the guest's own timers end its stays in the loop. So it is set to
// the end of the run, and not to the deadline, after which it would only disturb the guest.
static void set_both_timers(const struct vcpu_core *vcpu)
{
    if (has_preemption_timer()) {
        uint64_t ticks = time_set_late_deadline(vcpu->run_end_ns);
        bool ends_early = vcpu->deadline_ns != vcpu->run_end_ns;
        set_preemption_timer(ends_early ? time_ticks_until(vcpu->deadline_ns) : ticks);
    } else {
        time_set_deadline(vcpu->deadline_ns);
    }
}

static void end_run(struct vcpu_core *vcpu)
{
    __atomic_or_fetch(&vcpu->work, WORK_HOST, __ATOMIC_RELAXED);
}

void vmx_host_event(struct vcpu_core *vcpu)
{
    vmx_requeue_event();
    flight_pass_host(vcpu);
    end_run(vcpu);
}

// The handler's IRET ends the blocking of NMIs.
void vmx_host_nmi(struct vcpu_core *vcpu)
{
    __asm__ volatile("int $2");
    vmx_host_event(vcpu);
}

// Another interrupt may have come too. In emulators it may not end a guest that has interrupts off.
void vmx_host_timer(struct vcpu_core *vcpu)
{
    interrupts_window();
    flight_pass_host(vcpu);
    if (!cpu_this()->disturbed && vcpu_goes_on(vcpu)) {
        set_both_timers(vcpu);
    } else {
        end_run(vcpu);
    }
}

// If the exit acknowledged the interrupt, its handler is called here. CPUs that do not acknowledge
// on exit leave the interrupt pending; the window of vmx_host_timer takes it. The interrupt may be
// the notification of posted interrupts. It disturbs the host like a kick, so vcpu_run looks into
// the vCPU's mail.
void vmx_host_interrupt(struct vcpu_core *vcpu)
{
    uint32_t info = vmcs_read32(VM_EXIT_INTERRUPTION_INFO);
    if (info & INTERRUPTION_VALID) {
        interrupt_call(info & INTERRUPTION_VECTOR_MASK);
    }
    vmx_host_timer(vcpu);
}
