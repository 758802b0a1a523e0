// SPDX-License-Identifier: MIT
// Runs a vCPU for a while: timers, mail, events, then the back end, and again.
#include "vmm/vcpu/vcpu_run.h"

#include "vmm/backend.h"
#include "vmm/host.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vcpu/vcpu_apic.h"
#include "vmm/vcpu/vcpu_events.h"
#include "vmm/vcpu/vcpu_mail_take.h"
#include "vmm/vcpu/vcpu_sleep.h"
#include "vmm/vcpu/vcpu_timers.h"
#include "vmm/vm/scheduler_run.h"
#include "vmm/vm/vm.h"

// WORK_EVENTS and WORK_TIMERS are cleared before the vCPU looks: what comes later sets them again.
bool vcpu_runnable(struct vcpu *vcpu)
{
    if (!vcpu_waits(vcpu)) {
        return true;
    }
    __atomic_and_fetch(&vcpu->core.work, ~(uint32_t)(WORK_EVENTS | WORK_TIMERS), __ATOMIC_SEQ_CST);
    vcpu_advance_timers(vcpu);
    vcpu_mail_take(vcpu);
    vcpu_apic_refresh(vcpu);
    bool wakes = (vcpu->nmis_pending && vcpu_nmis_wake(vcpu)) || vcpu->kicked ||
                 (!vcpu->asleep && vcpu_interrupt_pending(vcpu));
    if (vcpu->halted && wakes) {
        vcpu->halted = false;
        vcpu->kicked = false;
        vcpu_stir(vcpu); // an NMI from the vCPU's own APIC has not done so yet
    }
    return !vcpu_waits(vcpu);
}

// The guest runs at least this long before the next timer event. A timer with a higher rate than
// exits can keep up with would otherwise leave no time for any instruction of the guest. Inside
// another hypervisor an entry alone may take longer than RUN_NS_MIN. There a run ends late, so the
// least run follows from that.
#define RUN_NS_MIN 20000
#define RUN_NS_MIN_MAX 1000000
#define RUN_LATE_FACTOR 4

static uint64_t least_run_ns(const struct vcpu *vcpu)
{
    return MIN(MAX(RUN_NS_MIN, RUN_LATE_FACTOR * vcpu->late_ns), RUN_NS_MIN_MAX);
}

// The host has ended the run. What comes before the deadline says nothing about lateness.
static void note_late(struct vcpu *vcpu, uint64_t now_ns)
{
    uint64_t deadline_ns = vcpu->core.deadline_ns;
    if (now_ns >= deadline_ns) {
        uint64_t late_ns = MIN(now_ns - deadline_ns, RUN_NS_MIN_MAX / RUN_LATE_FACTOR);
        vcpu->late_ns = (7 * vcpu->late_ns + late_ns) / 8;
    }
}

// The local APIC's timer is looked at each time, the devices only if they are due.
static void look_at_timers(struct vcpu *vcpu, bool all, uint64_t now_ns)
{
    if (all || now_ns >= vcpu->devices_event_ns) {
        vcpu_advance_devices(vcpu);
        vcpu->devices_event_ns = vcpu_devices_event_ns(vcpu);
    }
    vcpu_advance_lapic(vcpu);
    vcpu->next_look_ns = now_ns + least_run_ns(vcpu);
    vcpu->next_event_ns =
        MAX(MIN(vcpu_lapic_event_ns(vcpu), vcpu->devices_event_ns), vcpu->next_look_ns);
}

// The VM's clock may have been set while it was not loaded.
static void load(struct vcpu *vcpu)
{
    vcpu->ops->load_vcpu(&vcpu->core);
    vcpu_set_register(vcpu, REG_TSC_OFFSET, vcpu->vm->tsc_offset + vcpu->tsc_adjust);
}

// Does the work that has come up. Returns false if the run is over.
static bool prepare(struct vcpu *vcpu)
{
    uint32_t work = __atomic_exchange_n(&vcpu->core.work, 0, __ATOMIC_SEQ_CST);
    uint64_t now_ns = vcpu->host->now_ns();
    if (work & WORK_HOST) {
        note_late(vcpu, now_ns);
    }
    if ((work & (WORK_STOP | WORK_YIELD)) || now_ns >= vcpu->core.run_end_ns ||
        ((work & WORK_HOST) && vcpu->host->disturbed())) {
        return false;
    }
    if ((work & WORK_TIMERS) || now_ns >= vcpu->next_event_ns) {
        look_at_timers(vcpu, work & WORK_TIMERS, now_ns);
        // The devices have just sent mail, which is taken below: that is no work for later.
        __atomic_and_fetch(&vcpu->core.work, ~(uint32_t)WORK_EVENTS, __ATOMIC_SEQ_CST);
    }
    vcpu_mail_take(vcpu);
    return true;
}

// WORK_ENTRY does not count: it is the back end's own.
static bool has_work(const struct vcpu *vcpu)
{
    return __atomic_load_n(&vcpu->core.work, __ATOMIC_RELAXED) & ~(uint32_t)WORK_ENTRY;
}

static void set_deadline(struct vcpu *vcpu)
{
    vcpu->core.deadline_ns = MIN(vcpu->core.run_end_ns, vcpu->next_event_ns);
}

bool vcpu_goes_on(struct vcpu_core *core)
{
    struct vcpu *vcpu = vcpu_of(core);
    uint64_t now_ns = vcpu->host->now_ns();
    if (__atomic_load_n(&core->work, __ATOMIC_RELAXED) || now_ns >= vcpu->next_event_ns) {
        return false;
    }
    if (now_ns >= vcpu->core.run_end_ns && !scheduler_extend_run(vcpu, now_ns)) {
        return false;
    }
    set_deadline(vcpu);
    return true;
}

void vcpu_run(struct vcpu *vcpu, uint64_t end_ns)
{
    load(vcpu);
    (void)vcpu->host->disturbed(); // what came before has been looked at
    vcpu->core.run_end_ns = end_ns;
    vcpu->devices_event_ns = 0; // keys may have come since the last run
    vcpu->next_event_ns = vcpu->next_look_ns;
    if (vcpu_waits(vcpu)) { // the run is for the devices
        vcpu_advance_devices(vcpu);
    }
    while (vm_wants_to_run(vcpu->vm) && vcpu_runnable(vcpu) && prepare(vcpu)) {
        if (vcpu->waits_for_startup) {
            break; // an INIT was in the mail
        }
        vcpu_deliver_events(vcpu);
        set_deadline(vcpu);
        vcpu_apic_take_posted(vcpu, true);
        // Acknowledging an interrupt may have lowered LINT0, which arrives as mail. Nobody kicks
        // this CPU for work that it already has (scheduler_notify), so the guest must not be
        // entered with work left.
        if (!has_work(vcpu)) {
            vcpu->ops->run(&vcpu->core);
        }
        vcpu_apic_take_posted(vcpu, false);
    }
}
