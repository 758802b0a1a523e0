// SPDX-License-Identifier: MIT
// RFLAGS that QEMU has spoiled.
#pragma once

#include "arch/svm/vmcb.h"
#include "vmm/util/types.h"

// Bits that are always clear (APM Vol. 2 3.1.6).
#define RFLAGS_CLEAR (~(uint64_t)0x3f7fd7)

// Takes from RFLAGS what the guest cannot have set.
void svm_flags_repair(struct vmcb_save *save);

// No CPU has these flags.
static inline bool svm_flags_spoiled(const struct vmcb_save *save)
{
    return __builtin_expect((save->rflags & RFLAGS_CLEAR) != 0, false);
}
