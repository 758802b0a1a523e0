// SPDX-License-Identifier: MIT
// The consistency checks of VMRUN (APM Vol. 2 15.5.1): finds the one that failed.
#include "arch/svm/svm_invalid.h"

#include "arch/svm/vmcb.h"
#include "arch/x86/registers.h"
#include "vmm/util/types.h"

static bool pages_in_long_mode(const struct vmcb_save *save)
{
    return (save->efer & EFER_LME) && (save->cr0 & CR0_PG);
}

static bool bad_code_segment(const struct vmcb_save *save)
{
    unsigned both = VMCB_ATTRIBUTE_L | VMCB_ATTRIBUTE_DB;
    return pages_in_long_mode(save) && (save->cr4 & CR4_PAE) &&
           (save->cs.attributes & both) == both;
}

static bool bad_event(const struct vmcb_control *control)
{
    uint64_t event = control->eventinj;
    unsigned type = event >> EVENTINJ_TYPE_SHIFT & EVENTINJ_TYPE_MASK;
    unsigned vector = event & EVENTINJ_VECTOR_MASK;
    if (!(event & EVENTINJ_VALID)) {
        return false;
    }
    return type == 1 || type > EVENTINJ_SOFTWARE ||
           (type == EVENTINJ_EXCEPTION && (vector == VECTOR_NMI || vector > 31));
}

const char *svm_invalid_text(const struct vmcb *vmcb)
{
    const struct vmcb_save *save = &vmcb->save;
    const struct vmcb_control *control = &vmcb->control;
    const struct {
        bool broken;
        const char *text;
    } rules[] = {
        {!(save->efer & EFER_SVME), "EFER.SVME is clear"},
        {!(save->cr0 & CR0_CD) && (save->cr0 & CR0_NW), "CR0.NW is set and CR0.CD is clear"},
        {save->cr0 >> 32, "CR0 has bits above 31"},
        {save->dr6 >> 32, "DR6 has bits above 31"},
        {save->dr7 >> 32, "DR7 has bits above 31"},
        {pages_in_long_mode(save) && !(save->cr4 & CR4_PAE), "long mode without CR4.PAE"},
        {pages_in_long_mode(save) && !(save->cr0 & CR0_PE), "long mode without CR0.PE"},
        {bad_code_segment(save), "CS has both L and D"},
        {!(control->intercepts_svm & INTERCEPT_VMRUN), "VMRUN is not intercepted"},
        {control->asid == 0, "the ASID is the host's"},
        {bad_event(control), "EVENTINJ is not valid"},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(rules); i++) {
        if (rules[i].broken) {
            return rules[i].text;
        }
    }
    return "reserved bits of CR3, CR4 or EFER, or a map beyond physical memory";
}
