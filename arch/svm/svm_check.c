// SPDX-License-Identifier: MIT
// The consistency checks of VMRUN (APM Vol. 2 15.5.1).
#include "arch/svm/svm_check.h"

#include "arch/svm/vmcb.h"
#include "arch/x86/registers.h"
#include "vmm/util/pat.h"
#include "vmm/util/types.h"

#define CHECKS "15.5.1"
#define EVENTS "15.20"
#define NESTED "15.25.4"

// Bits that no register has (3.1.3, 3.1.7).
#define CR4_UNDEFINED 0xffffffffff08e000ULL  // bits 63 to 24, 19, 15 to 13
#define EFER_UNDEFINED 0xffffffffffc90200ULL // bits 63 to 22, 19, 16, 9
#define IO_MAP_BYTES (3 * PAGE_SIZE)         // 15.10.1
#define MSR_MAP_BYTES (2 * PAGE_SIZE)        // 15.11
#define CR4_CET BIT(23)

static bool pages_in_long_mode(const struct vmcb_save *save)
{
    return (save->efer & EFER_LME) && (save->cr0 & CR0_PG);
}

static bool check_registers(const struct vmcb_save *save, const struct svm_limits *limits,
                            struct checked_rule *found)
{
    bool wide_cr3 = pages_in_long_mode(save) && save->cr3 >> limits->physical_bits;
    const struct checked_rule rules[] = {
        {!(save->efer & EFER_SVME), CHECKS, "EFER", save->efer, "SVME must be set"},
        {!(save->cr0 & CR0_CD) && (save->cr0 & CR0_NW), CHECKS, "CR0", save->cr0, "NW needs CD"},
        {save->cr0 >> 32, CHECKS, "CR0", save->cr0, "bits 63 to 32 must be 0"},
        {wide_cr3, CHECKS, "CR3", save->cr3, "it must be a physical address"},
        {save->cr4 & CR4_UNDEFINED, CHECKS, "CR4", save->cr4, "its reserved bits must be 0"},
        {save->dr6 >> 32, CHECKS, "DR6", save->dr6, "bits 63 to 32 must be 0"},
        {save->dr7 >> 32, CHECKS, "DR7", save->dr7, "bits 63 to 32 must be 0"},
        {save->efer & EFER_UNDEFINED, CHECKS, "EFER", save->efer, "its reserved bits must be 0"},
    };
    return rule_check_first(rules, ARRAY_SIZE(rules), found);
}

static bool check_mode(const struct vmcb_save *save, struct checked_rule *found)
{
    unsigned both = VMCB_ATTRIBUTE_L | VMCB_ATTRIBUTE_DB;
    bool long_mode = pages_in_long_mode(save);
    bool mixed = (save->cr4 & CR4_PAE) && (save->cs.attributes & both) == both;
    const struct checked_rule rules[] = {
        {long_mode && !(save->cr4 & CR4_PAE), CHECKS, "CR4", save->cr4, "long mode needs PAE"},
        {long_mode && !(save->cr0 & CR0_PE), CHECKS, "CR0", save->cr0, "long mode needs PE"},
        {long_mode && mixed, CHECKS, "CS attributes", save->cs.attributes,
         "in long mode they must not have both L and D"},
        {(save->cr4 & CR4_CET) && !(save->cr0 & CR0_WP), CHECKS, "CR4", save->cr4,
         "CET needs CR0.WP"},
    };
    return rule_check_first(rules, ARRAY_SIZE(rules), found);
}

static bool check_event(uint64_t event, struct checked_rule *found)
{
    unsigned type = event >> EVENTINJ_TYPE_SHIFT & EVENTINJ_TYPE_MASK;
    unsigned vector = event & EVENTINJ_VECTOR_MASK;
    bool exception = type == EVENTINJ_EXCEPTION;
    const struct checked_rule rules[] = {
        {type == 1 || type > EVENTINJ_SOFTWARE, EVENTS, "EVENTINJ", event, "its type is reserved"},
        {exception && (vector == VECTOR_NMI || vector > 31), EVENTS, "EVENTINJ", event,
         "no exception has this vector"},
    };
    return (event & EVENTINJ_VALID) && rule_check_first(rules, ARRAY_SIZE(rules), found);
}

// Whether `bytes` from an address on are not all physical memory.
static bool ends_too_high(uint64_t address, uint64_t bytes, const struct svm_limits *limits)
{
    uint64_t end = BIT(limits->physical_bits);
    return address >= end || bytes > end - address;
}

static bool check_controls(const struct vmcb_control *control, const struct svm_limits *limits,
                           struct checked_rule *found)
{
    bool msrs = control->intercepts & INTERCEPT_MSR;
    bool ports = control->intercepts & INTERCEPT_IOIO;
    uint64_t msr_map = ALIGN_DOWN(control->msrpm_base, PAGE_SIZE);
    uint64_t io_map = ALIGN_DOWN(control->iopm_base, PAGE_SIZE);
    const struct checked_rule rules[] = {
        {!(control->intercepts_svm & INTERCEPT_VMRUN), CHECKS, "intercepts (offset 10H)",
         control->intercepts_svm, "VMRUN must be intercepted"},
        {msrs && ends_too_high(msr_map, MSR_MAP_BYTES, limits), CHECKS, "MSRPM_BASE_PA", msr_map,
         "the map must end in physical memory"},
        {ports && ends_too_high(io_map, IO_MAP_BYTES, limits), CHECKS, "IOPM_BASE_PA", io_map,
         "the map must end in physical memory"},
        {control->asid == 0, CHECKS, "ASID", control->asid, "0 is the host's"},
    };
    return rule_check_first(rules, ARRAY_SIZE(rules), found);
}

static bool check_nested(const struct vmcb *vmcb, const struct svm_limits *limits,
                         struct checked_rule *found)
{
    const struct vmcb_control *control = &vmcb->control;
    const struct checked_rule rules[] = {
        {control->nested_cr3 >> limits->physical_bits, NESTED, "N_CR3", control->nested_cr3,
         "it must be a physical address"},
        {!pat_is_valid(vmcb->save.g_pat), NESTED, "G_PAT", vmcb->save.g_pat,
         "each byte must be a memory type"},
    };
    return (control->nested & NESTED_ENABLE) && rule_check_first(rules, ARRAY_SIZE(rules), found);
}

bool svm_check(const struct vmcb *vmcb, const struct svm_limits *limits, struct checked_rule *found)
{
    return check_registers(&vmcb->save, limits, found) || check_mode(&vmcb->save, found) ||
           check_controls(&vmcb->control, limits, found) ||
           check_event(vmcb->control.eventinj, found) || check_nested(vmcb, limits, found);
}
