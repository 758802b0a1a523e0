// SPDX-License-Identifier: MIT
// Mends RFLAGS after an interrupt that came behind a CMPXCHG8B or CMPXCHG16B in QEMU.
//
// QEMU computes flags when they are needed, from the operands of the last instruction. Its
// CMPXCHG8B and CMPXCHG16B (version 7.2) do not say of which instruction those operands are, and so
// may take an operand for RFLAGS. Only ZF is right afterwards. Code that looks at ZF alone does not
// notice. But a #VMEXIT saves all of RFLAGS, and the next VMRUN loads it: string instructions run
// backwards, or each instruction is a single step. Linux 6.12 executes CMPXCHG16B for each
// allocation of memory, with a jump right behind it.
#include "arch/svm/svm_flags.h"

#include "arch/svm/vmcb.h"
#include "arch/x86/registers.h"
#include "vmm/util/types.h"

void svm_flags_repair(struct vmcb_save *save)
{
    uint64_t user_if = save->cpl == 3 ? RFLAGS_IF : 0;
    save->rflags = (save->rflags & (RFLAGS_ZF | RFLAGS_IF)) | RFLAGS_FIXED | user_if;
}
