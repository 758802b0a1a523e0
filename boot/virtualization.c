// SPDX-License-Identifier: MIT
// Chooses VT-x or AMD-V, whichever this machine has, and switches it on.
#include "boot/virtualization.h"

#include "arch/svm/svm_ops.h"
#include "arch/vmx/vmx.h"
#include "arch/x86/cpu.h"
#include "arch/x86/cpuid.h"
#include "arch/x86/log.h"

const struct vcpu_ops *virtualization_choose(struct reason *why)
{
    if (cpuid(CPUID_FEATURES, 0).ecx & CPUID_1_ECX_VMX) {
        return &vmx_ops;
    }
    if (cpuid_checked(CPUID_EXTENDED_FEATURES, 0).ecx & CPUID_80000001_ECX_SVM) {
        return &svm_ops;
    }
    refuse(why, STATUS_UNSUPPORTED,
           "this CPU has neither VT-x nor AMD-V: it lacks them, the firmware hides them, or an "
           "emulator does");
    return NULL;
}

static void report(struct vmm *vmm)
{
    if (vmm->ops) {
        log_line("virtualization: %s", vmm->ops->name);
        vmm->ops->summarize(vmm->host->log);
    } else {
        log_line("virtualization: none: %s", vmm->no_guests.text);
    }
}

void virtualization_start_cpu(struct vmm *vmm)
{
    unsigned index = cpu_this()->index;
    struct reason why = {""};
    vmm->runs_guests[index] = vmm->ops && vmm->ops->enable_cpu(&why) == STATUS_OK;
    if (index == 0) {
        if (vmm->ops && !vmm->runs_guests[0]) {
            vmm->no_guests = why;
            vmm->ops = NULL;
        }
        report(vmm);
    } else if (vmm->ops && !vmm->runs_guests[index]) {
        log_line("CPU %u runs no guests: %s", index, why.text);
    }
}
