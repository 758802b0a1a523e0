// SPDX-License-Identifier: MIT
// RFLAGS that QEMU has spoiled.
#pragma once

#include "arch/svm/vmcb.h"
#include "arch/x86/registers.h"
#include "vmm/util/types.h"

// Takes from RFLAGS what the guest cannot have set.
void svm_flags_repair(struct vmcb_save *save);

// No CPU has these flags.
static inline bool svm_flags_spoiled(const struct vmcb_save *save)
{
    return __builtin_expect((save->rflags & RFLAGS_RESERVED) != 0, false);
}
