// SPDX-License-Identifier: MIT
// Finds the linear address whose page tables lead out of RAM.
#pragma once

#include "arch/svm/svm.h"
#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

// After a nested page fault of a page walk at `gpa`, outside RAM: makes the guest's next page fault
// exit, which says the linear address. False: that cannot be done.
bool svm_probe_start(struct vcpu_core *vcpu, gpa_t gpa);
// Takes the probe away. There must be one.
void svm_probe_remove(struct vcpu_core *vcpu);
// Before the vCPU goes: frees the probe's pages. No CPU uses them any more, as the vCPU's ASIDs are
// not given again without a flush.
void svm_probe_free(struct vcpu_core *vcpu);
// Takes the probe away if there is one: before the next svm_run.
static inline void svm_probe_end(struct vcpu_core *vcpu)
{
    if (vcpu->backend->probe_pages) {
        svm_probe_remove(vcpu);
    }
}
