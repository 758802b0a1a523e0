// SPDX-License-Identifier: MIT
// Answers hypercalls.
#include "vmm/vcpu/hypercall.h"

#include "vmm/backend.h"
#include "vmm/exit.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/paravirt_call.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vm/vm.h"

static NOT_INLINE enum exit_action end(struct vcpu *vcpu)
{
    uint64_t status = vcpu->core.registers.gpr[GPR_RBX];
    vm_end(vcpu->vm, status, "exit status %llu", (unsigned long long)status);
    return ADVANCE;
}

static enum exit_action answer(struct vcpu *vcpu, uint64_t value)
{
    vcpu->core.registers.gpr[GPR_RAX] = value;
    return ADVANCE;
}

static NOT_INLINE enum exit_action answer_clock(struct vcpu *vcpu)
{
    return answer(vcpu, vm_now_ns(vcpu->vm));
}

static NOT_INLINE enum exit_action answer_other(struct vcpu *vcpu)
{
    return answer(vcpu, paravirt_call(vcpu, vcpu->core.registers.gpr[GPR_RAX]));
}

enum exit_action vcpu_hypercall_exit(struct vcpu *vcpu, const struct exit_hypercall *call)
{
    if (call->cpl != 0) {
        return answer(vcpu, HYPERCALL_NOT_ALLOWED);
    }
    switch (vcpu->core.registers.gpr[GPR_RAX]) {
    case HYPERCALL_VERSION:
        return answer(vcpu, HYPERCALL_SIGNATURE);
    case HYPERCALL_END:
        return end(vcpu);
    case HYPERCALL_CLOCK:
        return answer_clock(vcpu);
    default:
        return answer_other(vcpu);
    }
}
