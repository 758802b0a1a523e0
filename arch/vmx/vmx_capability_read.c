// SPDX-License-Identifier: MIT
// Reads what this CPU's VT-x can do, and computes the controls from it.
#include "arch/vmx/vmx_capability_read.h"

#include "arch/vmx/vmcs_bits.h"
#include "arch/vmx/vmx_capability.h"
#include "arch/x86/cpuid.h"
#include "arch/x86/feature_switches.h"
#include "arch/x86/features.h"
#include "arch/x86/msr.h"
#include "arch/x86/msr_numbers.h"
#include "vmm/util/types.h"

#define BASIC_REVISION_MASK 0x7fffffffU
#define BASIC_TRUE_CONTROLS BIT(55)
#define MISC_TIMER_SHIFT_MASK 0x1fU

// One group of controls. The low half of its capability MSR has the bits that must be 1, the high
// half those that may be 1 (SDM Vol. 3D A.3).
struct control_group {
    const char *name;
    uint32_t msr;
    uint32_t required; // Husk cannot run guests without them
    uint32_t optional;
};

// What `no=` on the command line takes away. `ept_vpid` has bits of IA32_VMX_EPT_VPID_CAP.
static const struct {
    enum optional_feature feature;
    uint32_t pin;
    uint32_t secondary;
    uint64_t ept_vpid;
} switches[] = {
    {OPTIONAL_VPID, .secondary = SECONDARY_ENABLE_VPID},
    {OPTIONAL_INVVPID_SINGLE, .ept_vpid = VPID_CAP_INVVPID_SINGLE},
    {OPTIONAL_INVEPT_SINGLE, .ept_vpid = EPT_CAP_INVEPT_SINGLE},
    {OPTIONAL_EPT_AD, .ept_vpid = EPT_CAP_ACCESSED_DIRTY},
    {OPTIONAL_EPT_2M, .ept_vpid = EPT_CAP_2M | EPT_CAP_1G},
    {OPTIONAL_EPT_1G, .ept_vpid = EPT_CAP_1G},
    {OPTIONAL_PREEMPTION_TIMER, .pin = PIN_PREEMPTION_TIMER},
    {OPTIONAL_VIRTUAL_NMIS, .pin = PIN_VIRTUAL_NMIS},
    {OPTIONAL_WBINVD_EXITING, .secondary = SECONDARY_WBINVD_EXITING},
    {OPTIONAL_RDTSCP, .secondary = SECONDARY_ENABLE_RDTSCP},
    {OPTIONAL_INVPCID, .secondary = SECONDARY_ENABLE_INVPCID},
    {OPTIONAL_APICV, .secondary = SECONDARY_APICV},
    {OPTIONAL_POSTED_INTERRUPTS, .pin = PIN_POSTED_INTERRUPTS},
    {OPTIONAL_PAUSE_EXIT, .secondary = SECONDARY_PAUSE_LOOP_EXITING},
    {OPTIONAL_NOTIFY_WINDOW, .secondary = SECONDARY_INSTRUCTION_TIMEOUT},
};

static void switch_off(struct vmx_capability *c)
{
    for (unsigned i = 0; i < ARRAY_SIZE(switches); i++) {
        if (feature_is_off(switches[i].feature)) {
            c->pin &= ~switches[i].pin;
            c->secondary &= ~switches[i].secondary;
            c->ept_vpid &= ~switches[i].ept_vpid;
        }
    }
}

static enum status compute(const struct control_group *group, uint32_t *controls,
                           struct reason *why)
{
    uint64_t allowed = rdmsr(group->msr);
    uint32_t must_be_1 = (uint32_t)allowed;
    uint32_t may_be_1 = (uint32_t)(allowed >> 32);
    uint32_t missing = group->required & ~may_be_1;
    if (missing) {
        return refuse(why, STATUS_UNSUPPORTED,
                      "VT-x lacks %s controls 0x%x (capability MSR 0x%x = 0x%llx); no guests",
                      group->name, missing, group->msr, (unsigned long long)allowed);
    }
    *controls = ((group->required | group->optional) & may_be_1) | must_be_1;
    return STATUS_OK;
}

static enum status compute_all(struct vmx_capability *c, bool true_msrs, struct reason *why)
{
    const struct control_group pin = {
        "pin-based", true_msrs ? IA32_VMX_TRUE_PINBASED_CTLS : IA32_VMX_PINBASED_CTLS,
        PIN_EXTERNAL_INTERRUPT_EXITING | PIN_NMI_EXITING, PIN_OPTIONAL};
    const struct control_group primary = {
        "primary processor-based",
        true_msrs ? IA32_VMX_TRUE_PROCBASED_CTLS : IA32_VMX_PROCBASED_CTLS,
        PRIMARY_USE_TSC_OFFSETTING | PRIMARY_HLT_EXITING | PRIMARY_MWAIT_EXITING |
            PRIMARY_RDPMC_EXITING | PRIMARY_CR8_EXITING | PRIMARY_MOV_DR_EXITING |
            PRIMARY_USE_IO_BITMAPS | PRIMARY_USE_MSR_BITMAPS | PRIMARY_MONITOR_EXITING |
            PRIMARY_ACTIVATE_SECONDARY,
        PRIMARY_USE_TPR_SHADOW | PRIMARY_MONITOR_TRAP};
    const struct control_group secondary = {"secondary processor-based", IA32_VMX_PROCBASED_CTLS2,
                                            SECONDARY_ENABLE_EPT | SECONDARY_UNRESTRICTED_GUEST,
                                            SECONDARY_OPTIONAL};
    const struct control_group exit = {
        "VM-exit", true_msrs ? IA32_VMX_TRUE_EXIT_CTLS : IA32_VMX_EXIT_CTLS,
        EXIT_CONTROL_SAVE_DEBUG_CONTROLS | EXIT_CONTROL_HOST_64BIT | EXIT_CONTROL_SAVE_PAT |
            EXIT_CONTROL_LOAD_PAT | EXIT_CONTROL_SAVE_EFER | EXIT_CONTROL_LOAD_EFER,
        EXIT_CONTROL_OPTIONAL};
    const struct control_group entry = {
        "VM-entry", true_msrs ? IA32_VMX_TRUE_ENTRY_CTLS : IA32_VMX_ENTRY_CTLS,
        ENTRY_CONTROL_LOAD_DEBUG_CONTROLS | ENTRY_CONTROL_LOAD_PAT | ENTRY_CONTROL_LOAD_EFER, 0};
    const struct {
        const struct control_group *group;
        uint32_t *controls;
    } all[] = {{&pin, &c->pin},
               {&primary, &c->primary},
               {&secondary, &c->secondary},
               {&exit, &c->exit},
               {&entry, &c->entry}};
    for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
        enum status status = compute(all[i].group, all[i].controls, why);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

static bool has_safe_page_size_change(void)
{
    uint64_t capabilities;
    return !feature_is_off(OPTIONAL_SAFE_CODE_PAGES) &&
           (cpuid_checked(CPUID_STRUCTURED_FEATURES, 0).edx & CPUID_7_EDX_ARCH_CAPABILITIES) &&
           rdmsr_safe(IA32_ARCH_CAPABILITIES, &capabilities) &&
           (capabilities & ARCH_CAPABILITIES_IF_PSCHANGE_MC_NO);
}

enum status vmx_capability_read(struct vmx_capability *c, struct reason *why)
{
    uint64_t basic = rdmsr(IA32_VMX_BASIC);
    c->revision = (uint32_t)basic & BASIC_REVISION_MASK;
    c->cr0_fixed0 = rdmsr(IA32_VMX_CR0_FIXED0);
    c->cr0_fixed1 = rdmsr(IA32_VMX_CR0_FIXED1);
    c->cr4_fixed0 = rdmsr(IA32_VMX_CR4_FIXED0);
    c->cr4_fixed1 = rdmsr(IA32_VMX_CR4_FIXED1);
    c->page_size_change_safe = has_safe_page_size_change();
    c->preemption_timer_shift = rdmsr(IA32_VMX_MISC) & MISC_TIMER_SHIFT_MASK;
    // IA32_VMX_PROCBASED_CTLS2 and EPT_VPID_CAP exist only if the CPU has the control that each of
    // them describes (A.3.3, A.10).
    if (!(rdmsr(IA32_VMX_PROCBASED_CTLS) >> 32 & PRIMARY_ACTIVATE_SECONDARY) ||
        !(rdmsr(IA32_VMX_PROCBASED_CTLS2) >> 32 & SECONDARY_ENABLE_EPT)) {
        return refuse(why, STATUS_UNSUPPORTED,
                      "VT-x without EPT: a CPU from before 2008 cannot run guests");
    }
    c->ept_vpid = rdmsr(IA32_VMX_EPT_VPID_CAP);
    bool true_controls = (basic & BASIC_TRUE_CONTROLS) && !feature_is_off(OPTIONAL_TRUE_CONTROLS);
    enum status status = compute_all(c, true_controls, why);
    switch_off(c);
    return status == STATUS_OK ? vmx_capability_settle(c, why) : status;
}
