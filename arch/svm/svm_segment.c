// SPDX-License-Identifier: MIT
// Guest segments and descriptor tables in the VMCB.
#include "arch/svm/svm_segment.h"

#include "arch/svm/svm.h"
#include "arch/svm/svm_controls.h"
#include "arch/svm/svm_vmload.h"
#include "arch/svm/vmcb.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

// Which of them are in the CPU while the guest is (VMLOAD), and not in the VMCB.
static bool is_vmload_state(enum guest_segment which)
{
    return which == SEGMENT_FS || which == SEGMENT_GS || which == SEGMENT_LDTR ||
           which == SEGMENT_TR;
}

static struct vmcb_segment *segment_of(struct vmcb *vmcb, enum guest_segment which)
{
    switch (which) {
    case SEGMENT_ES:
        return &vmcb->save.es;
    case SEGMENT_CS:
        return &vmcb->save.cs;
    case SEGMENT_SS:
        return &vmcb->save.ss;
    case SEGMENT_DS:
        return &vmcb->save.ds;
    case SEGMENT_FS:
        return &vmcb->save.fs;
    case SEGMENT_GS:
        return &vmcb->save.gs;
    case SEGMENT_LDTR:
        return &vmcb->save.ldtr;
    case SEGMENT_TR:
        return &vmcb->save.tr;
    case SEGMENT_GDTR:
        return &vmcb->save.gdtr;
    case SEGMENT_IDTR:
    case SEGMENT_COUNT:
        break;
    }
    return &vmcb->save.idtr;
}

// The VMCB leaves out the limit's bits that stand in the middle of a descriptor's attributes.
#define LOW_ATTRIBUTES 0x00ffU
#define HIGH_ATTRIBUTES 0xf000U
#define HIGH_SHIFT 4

void svm_get_segment(const struct vcpu_core *vcpu, enum guest_segment which,
                     struct segment *segment)
{
    if (is_vmload_state(which)) {
        svm_fetch_state(vcpu);
    }
    const struct vmcb_segment *from = segment_of(&vcpu->backend->vmcb, which);
    *segment = (struct segment){.limit = from->limit, .base = from->base};
    if (which == SEGMENT_GDTR || which == SEGMENT_IDTR) {
        return;
    }
    unsigned attributes = from->attributes;
    segment->selector = from->selector;
    if (attributes & VMCB_ATTRIBUTE_PRESENT) {
        segment->attributes = (uint16_t)((attributes & LOW_ATTRIBUTES) |
                                         (attributes << HIGH_SHIFT & HIGH_ATTRIBUTES));
    }
    // Some CPUs do not keep G of CS.
    if (which == SEGMENT_CS && from->limit > 0xfffff) {
        segment->attributes |= SEGMENT_G;
    }
}

void svm_set_segment(struct vcpu_core *vcpu, enum guest_segment which,
                     const struct segment *segment)
{
    struct vmcb *vmcb = &vcpu->backend->vmcb;
    if (is_vmload_state(which)) {
        svm_fetch_state(vcpu);
    }
    unsigned attributes = segment->attributes;
    *segment_of(vmcb, which) = (struct vmcb_segment){
        .selector = segment->selector,
        .attributes = (uint16_t)((attributes & LOW_ATTRIBUTES) |
                                 (attributes & HIGH_ATTRIBUTES) >> HIGH_SHIFT),
        .limit = segment->limit,
        .base = segment->base};
    if (is_vmload_state(which)) {
        svm_store_state(vcpu);
    } else if (which == SEGMENT_SS) {
        vmcb->save.cpl = segment->attributes >> SEGMENT_DPL_SHIFT & 3;
    }
    svm_mark_dirty(vcpu, CLEAN_SEGMENTS | CLEAN_TABLES);
}
