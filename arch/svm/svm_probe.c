// SPDX-License-Identifier: MIT
// Finds the linear address whose page tables lead out of RAM.
//
// A nested page fault names the guest-physical address only. If it was a step of a page walk, the
// guest has put a page table outside its RAM. Memory outside RAM reads as all ones, so the guest
// must get a page fault for reserved bits, with the linear address. The CPU finds that address: a
// page of ones is mapped there, the guest executes the instruction again, and its page fault exits.
// Only this vCPU sees the page, as it walks copies of the nested tables on the way there.
#include "arch/svm/svm_probe.h"

#include "arch/svm/npt.h"
#include "arch/svm/svm.h"
#include "arch/svm/svm_controls.h"
#include "arch/svm/svm_intercepts.h"
#include "arch/svm/svm_tlb.h"
#include "arch/x86/frames.h"
#include "arch/x86/nested_table.h"
#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define GPA_BITS 48 // what 4 levels of nested tables reach

// The copies of the tables, then the page of ones.
#define PROBE_PAGES (NESTED_LEVELS + 1)

static uint8_t *page_of(const struct backend_vcpu *backend, unsigned index)
{
    return backend->probe_pages + index * PAGE_SIZE;
}

static bool make_tables(struct vcpu_core *vcpu, gpa_t address)
{
    const struct backend_vcpu *backend = vcpu->backend;
    uint64_t *tables[NESTED_LEVELS];
    for (unsigned i = 0; i < NESTED_LEVELS; i++) {
        tables[i] = (uint64_t *)(void *)page_of(backend, i);
    }
    memset(page_of(backend, NESTED_LEVELS), 0xff, PAGE_SIZE);
    return npt_copy_path(vcpu->nested, address, tables,
                         hpa(frames_physical(page_of(backend, NESTED_LEVELS))));
}

void svm_probe_free(struct vcpu_core *vcpu)
{
    struct backend_vcpu *backend = vcpu->backend;
    if (backend->probe_pages) {
        frames_release(backend->probe_pages, PROBE_PAGES);
        backend->probe_pages = NULL;
    }
}

bool svm_probe_start(struct vcpu_core *vcpu, gpa_t address)
{
    struct backend_vcpu *backend = vcpu->backend;
    backend->probe_pages = address.value >> GPA_BITS ? NULL : frames_allocate(PROBE_PAGES);
    if (!backend->probe_pages) {
        return false;
    }
    if (!make_tables(vcpu, address)) {
        svm_probe_free(vcpu);
        return false;
    }
    backend->probed = address;
    svm_set_nested_root(vcpu, page_of(backend, 0));
    svm_intercepts_set(vcpu, CAUSE_PAGE_FAULT, true);
    return true;
}

// The frames will be used for other things. So no translation through these tables may stay cached.
void svm_probe_remove(struct vcpu_core *vcpu)
{
    svm_intercepts_set(vcpu, CAUSE_PAGE_FAULT, false);
    svm_set_nested_root(vcpu, vcpu->nested->root);
    svm_tlb_flush(vcpu);
    svm_probe_free(vcpu);
}
