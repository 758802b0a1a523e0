// SPDX-License-Identifier: MIT
// The controls of the VMCB that several files change. Each has its one setter here, which clears
// the clean bit of the field (APM Vol. 2 15.15.3).
//
// Other owners: svm_intercepts.c (intercepts), svm_tlb.c (ASID, TLB_CONTROL), svm_inject.c
// (EVENTINJ), svm_avic.c (the AVIC's addresses, which no clean bit of CLEAN_ALL concerns).
#pragma once

#include "arch/svm/svm.h"
#include "arch/svm/vmcb.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

// The next VMRUN loads the fields of these clean bits (CLEAN_*) from the VMCB.
static inline void svm_mark_dirty(const struct vcpu_core *vcpu, uint64_t clean_bits)
{
    vcpu->backend->vmcb.control.clean &= ~(uint32_t)clean_bits;
}

// After an exit the CPU knows all that the VMCB holds.
static inline void svm_mark_clean(struct backend_vcpu *backend)
{
    backend->vmcb.control.clean = backend->all_clean;
}

// Whether STI or MOV SS holds interrupts back for one instruction. No clean bit concerns it.
static inline void svm_set_interrupt_shadow(struct backend_vcpu *backend, bool shadow)
{
    backend->vmcb.control.interrupt_shadow = shadow;
}

// Sets the bits V_* of `mask` to those of `value`. The CPU changes some of the others by itself.
void svm_set_v_intr(struct vcpu_core *vcpu, uint64_t mask, uint64_t value);
void svm_set_nested_root(struct vcpu_core *vcpu, const void *root);
void svm_set_msr_map(struct vcpu_core *vcpu, const uint8_t *msr_map);
