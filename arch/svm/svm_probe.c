// SPDX-License-Identifier: MIT
// Finds the linear address whose page tables lead out of RAM.
//
// A nested page fault names the guest-physical address only. Where that was a step of a page walk,
// the guest has given a page table outside its RAM, which reads as all ones: it gets a page fault
// for reserved bits. The CPU finds out for which address, if a page of ones lies there for as long
// as the instruction takes to fault again.
#include "arch/svm/svm_probe.h"

#include "arch/svm/svm_tlb.h"
#include "arch/x86/frames.h"
#include "arch/x86/registers.h"
#include "vmm/util/string.h"

#define GPA_BITS 48 // what 4 levels of nested tables reach

static void intercept_page_faults(struct vcpu_core *vcpu, bool wanted)
{
    uint32_t *exceptions = &vcpu->backend->vmcb.control.exceptions;
    uint32_t bit = (uint32_t)BIT(VECTOR_PF);
    *exceptions = wanted ? *exceptions | bit : *exceptions & ~bit;
    svm_mark_dirty(vcpu, CLEAN_INTERCEPTS);
}

bool svm_probe_start(struct vcpu_core *vcpu, gpa_t address)
{
    struct backend_vcpu *backend = vcpu->backend;
    struct nested_space *space = vcpu->nested;
    memset(space->ones, 0xff, PAGE_SIZE); // a walk writes, too: the guest may have changed it
    gpa_t page = gpa(ALIGN_DOWN(address.value, PAGE_SIZE));
    hpa_t ones = hpa(frames_physical(space->ones));
    if (address.value >> GPA_BITS ||
        npt_map(space, page, ones, PAGE_SIZE, ACCESS_READ | ACCESS_WRITE) != STATUS_OK) {
        return false;
    }
    backend->probing = true;
    backend->probed = address;
    intercept_page_faults(vcpu, true);
    return true;
}

void svm_probe_end(struct vcpu_core *vcpu)
{
    struct backend_vcpu *backend = vcpu->backend;
    if (!backend->probing) {
        return;
    }
    backend->probing = false;
    intercept_page_faults(vcpu, false);
    npt_remove_page(vcpu->nested, backend->probed);
    svm_tlb_prepare(vcpu);
}
