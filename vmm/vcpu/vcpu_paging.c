// SPDX-License-Identifier: MIT
// Reads the registers that paging depends on.
#include "vmm/vcpu/vcpu_paging.h"

#include "vmm/backend.h"
#include "vmm/memory/guest_walk.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/vcpu.h"

struct paging_state vcpu_paging(const struct vcpu *vcpu)
{
    struct paging_state paging = {
        .cr0 = vcpu_register(vcpu, REG_CR0),
        .cr3 = vcpu_register(vcpu, REG_CR3),
        .cr4 = vcpu_register(vcpu, REG_CR4),
        .efer = vcpu_register(vcpu, REG_EFER),
        .rflags = vcpu_register(vcpu, REG_RFLAGS),
        .cpl = (uint8_t)vcpu_register(vcpu, REG_CPL),
    };
    guest_walk_take_pdptes(&paging, &vcpu->core, vcpu->ops);
    return paging;
}
