// SPDX-License-Identifier: MIT
// Address space identifiers, and flushing what is cached under them (APM Vol. 2 15.16).
#pragma once

#include "arch/svm/svm.h"

// The ASIDs of one CPU. A generation uses each of them once, and begins with a flush of them all.
struct svm_asids {
    uint64_t generation; // 0: none was given out
    uint32_t next;
};

// Before the guest runs: it has an ASID of the CPU's generation, and nothing stale is cached.
void svm_tlb_prepare(struct vcpu_core *vcpu);
// The next VMRUN finds none of the guest's translations.
void svm_tlb_flush(struct vcpu_core *vcpu);
