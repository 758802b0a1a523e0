// SPDX-License-Identifier: MIT
// vCPUs that do not run because they are halted or wait for a SIPI.
#include "vmm/vcpu/vcpu_sleep.h"

#include "arch/x86/registers.h"
#include "vmm/backend.h"
#include "vmm/devices/lapic.h"
#include "vmm/exit.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vcpu/vcpu_mail.h"
#include "vmm/vm/scheduler.h"
#include "vmm/vm/vm.h"

static bool is_asleep(const struct vcpu *vcpu)
{
    uint32_t mail = __atomic_load_n(&vcpu->mail.posted.flags, __ATOMIC_SEQ_CST);
    return !(mail & MAIL_WAKES_ALL) && __atomic_load_n(&vcpu->asleep, __ATOMIC_SEQ_CST);
}

// Whether no vCPU of the VM can ever run again. A signal that is sent during the check makes the
// answer false: the receiver of the signal checks again when it falls asleep.
static bool sleeps_for_ever(const struct vm *vm)
{
    uint32_t stirs = __atomic_load_n(&vm->stirs, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < vm->config.vcpus; i++) {
        if (!is_asleep(vm->vcpus[i])) {
            return false;
        }
    }
    return __atomic_load_n(&vm->stirs, __ATOMIC_SEQ_CST) == stirs;
}

unsigned vcpu_sleep_urgency(const struct vcpu *vcpu)
{
    if (__atomic_load_n(&vcpu->asleep, __ATOMIC_RELAXED) || vcpu->waits_for_startup) {
        return WAKE_ALWAYS;
    }
    return (lapic_processor_priority(&vcpu->lapic) >> 4) + 1; // SDM Vol. 3A 11.8.3.1
}

bool vcpu_has_waking_mail(const struct vcpu *vcpu)
{
    bool always = vcpu_sleep_urgency(vcpu) == WAKE_ALWAYS;
    // LINT0 may be an NMI.
    uint32_t waking = always ? MAIL_WAKES_ALL | MAIL_LINT0_ROSE | MAIL_VIRTIO : ~0U;
    uint32_t work = WORK_TIMERS | (always ? 0 : WORK_EVENTS);
    return (__atomic_load_n(&vcpu->mail.posted.flags, __ATOMIC_SEQ_CST) & waking) ||
           (__atomic_load_n(&vcpu->core.work, __ATOMIC_SEQ_CST) & work);
}

void vcpu_stir(struct vcpu *vcpu)
{
    __atomic_store_n(&vcpu->asleep, false, __ATOMIC_SEQ_CST);
}

bool vcpu_fall_asleep(struct vcpu *vcpu)
{
    __atomic_store_n(&vcpu->asleep, true, __ATOMIC_SEQ_CST);
    return !sleeps_for_ever(vcpu->vm);
}

// If an interrupt is pending already, vcpu_run finds it and the HLT ends at once. So does the trap
// of a single step, or one that MOV SS has held back (SDM Vol. 2A, HLT).
enum exit_action vcpu_halt_exit(struct vcpu *vcpu)
{
    uint64_t rflags = vcpu_register(vcpu, REG_RFLAGS);
    if ((rflags & RFLAGS_TF) || vcpu_register(vcpu, REG_EVENT_WAITING)) {
        return ADVANCE;
    }
    if (vcpu->in_nmi) {
        vcpu->in_nmi = vcpu_register(vcpu, REG_INTERRUPT_SHADOW) & SHADOW_NMI;
    }
    vcpu->halted = true;
    vcpu_post_work(vcpu, WORK_EVENTS);
    if ((rflags & RFLAGS_IF) || (vcpu->nmis_pending && vcpu_nmis_wake(vcpu)) || vcpu->kicked) {
        return ADVANCE;
    }
    if (!vcpu_fall_asleep(vcpu)) {
        vm_fail(vcpu->vm, "halted for ever: HLT with interrupts off at RIP 0x%llx",
                (unsigned long long)vcpu_register(vcpu, REG_RIP));
    }
    return ADVANCE;
}
