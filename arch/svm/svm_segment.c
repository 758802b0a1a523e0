// SPDX-License-Identifier: MIT
// Guest segments and descriptor tables in the VMCB.
#include "arch/svm/svm_segment.h"

#include "arch/svm/svm.h"
#include "arch/svm/svm_controls.h"
#include "arch/svm/svm_vmload.h"
#include "arch/svm/vmcb.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

// Whether VMLOAD loads the segment: then the CPU has it while the guest runs, and the VMCB is old.
static bool is_vmload_state(enum guest_segment which)
{
    return which == SEGMENT_FS || which == SEGMENT_GS || which == SEGMENT_LDTR ||
           which == SEGMENT_TR;
}

static const uint16_t offsets[SEGMENT_COUNT] = {
    [SEGMENT_ES] = offsetof(struct vmcb_save, es),
    [SEGMENT_CS] = offsetof(struct vmcb_save, cs),
    [SEGMENT_SS] = offsetof(struct vmcb_save, ss),
    [SEGMENT_DS] = offsetof(struct vmcb_save, ds),
    [SEGMENT_FS] = offsetof(struct vmcb_save, fs),
    [SEGMENT_GS] = offsetof(struct vmcb_save, gs),
    [SEGMENT_LDTR] = offsetof(struct vmcb_save, ldtr),
    [SEGMENT_TR] = offsetof(struct vmcb_save, tr),
    [SEGMENT_GDTR] = offsetof(struct vmcb_save, gdtr),
    [SEGMENT_IDTR] = offsetof(struct vmcb_save, idtr),
};

static struct vmcb_segment *segment_of(struct vmcb *vmcb, enum guest_segment which)
{
    return (struct vmcb_segment *)(void *)((uint8_t *)&vmcb->save + offsets[which]);
}

// A descriptor has bits of the limit between its attributes. The VMCB leaves them out.
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
    // Some CPUs do not save G of CS.
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
