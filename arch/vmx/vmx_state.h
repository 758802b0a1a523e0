// SPDX-License-Identifier: MIT
// Guest registers and segments in the VMCS. The vCPU is the CPU's current one.
#pragma once

#include "vmm/backend.h"
#include "vmm/util/types.h"

uint64_t vmx_get_register(const struct vcpu_core *vcpu, enum guest_register which);
void vmx_set_register(struct vcpu_core *vcpu, enum guest_register which, uint64_t value);
void vmx_get_segment(const struct vcpu_core *vcpu, enum guest_segment which,
                     struct segment *segment);
void vmx_set_segment(struct vcpu_core *vcpu, enum guest_segment which,
                     const struct segment *segment);
// Once for each vCPU: which bits of CR0 and CR4 belong to the host.
void vmx_write_guest_masks(const struct vcpu_core *vcpu);
