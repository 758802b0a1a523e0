// SPDX-License-Identifier: MIT
// Mends RFLAGS that a CMPXCHG8B or CMPXCHG16B has spoiled in QEMU.
//
// QEMU computes flags when they are needed, from the operands of the last instruction. Its
// CMPXCHG8B and CMPXCHG16B (version 7.2) do not say of which instruction those operands are, and so
// may take an operand for RFLAGS. Only ZF is right afterwards. Code that looks at ZF alone does not
// notice. But if QEMU interrupts its emulation right behind them, the operand's other bits stay in
// RFLAGS: string instructions run backwards, or each instruction is a single step. Linux 6.12
// executes CMPXCHG16B for each allocation of memory, with a jump right behind it.
//
// The interruption may be a #VMEXIT, and then Husk mends RFLAGS before the guest goes on. Or it may
// be work of QEMU's own. Then the guest goes on with the wrong flags, and Husk sees them at a later
// #VMEXIT. By then the status flags may be those of a later instruction, so they stay.
#include "arch/svm/svm_flags.h"

#include "arch/svm/vmcb.h"
#include "arch/x86/registers.h"
#include "vmm/util/types.h"

void svm_flags_repair(struct vmcb_save *save)
{
    uint64_t user_if = save->cpl == 3 ? RFLAGS_IF : 0;
    save->rflags = (save->rflags & (RFLAGS_STATUS | RFLAGS_IF)) | RFLAGS_FIXED | user_if;
}
