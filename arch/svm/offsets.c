// SPDX-License-Identifier: MIT
// Offsets of C structures for the assembly of arch/svm: compiled, never linked.
#include "arch/svm/svm.h"
#include "arch/svm/vmcb.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

#define OFFSET(name, value) __asm__ volatile("\n.ascii \"->" #name " %c0\"" : : "i"(value))
#define REGISTER(name) OFFSET(VCPU_##name, offsetof(struct vcpu_core, registers.gpr[GPR_##name]))

void offsets(void);

void offsets(void)
{
    OFFSET(VCPU_BACKEND, offsetof(struct vcpu_core, backend));
    OFFSET(VCPU_WORK, offsetof(struct vcpu_core, work));
    OFFSET(WORK_EVENTS_ALONE, WORK_EVENTS);
    OFFSET(VCPU_EXITS_LEFT, offsetof(struct vcpu_core, exits_left));
    REGISTER(RAX);
    REGISTER(RCX);
    REGISTER(RDX);
    REGISTER(RBX);
    REGISTER(RBP);
    REGISTER(RSI);
    REGISTER(RDI);
    REGISTER(R8);
    REGISTER(R9);
    REGISTER(R10);
    REGISTER(R11);
    REGISTER(R12);
    REGISTER(R13);
    REGISTER(R14);
    REGISTER(R15);
    OFFSET(BACKEND_VMCB_PHYSICAL, offsetof(struct backend_vcpu, vmcb_physical));
    OFFSET(VMCB_RAX, offsetof(struct vmcb, save.rax));
    static_assert(offsetof(struct backend_vcpu, vmcb) == 0, "svm_enter takes one for the other");
}
