// SPDX-License-Identifier: MIT
// The checks of the guest-state area: registers, MSRs, what is not in a register (SDM Vol. 3C
// 27.3.1).
#include "arch/vmx/vmx_check_guest.h"

#include "arch/vmx/vmcs.h"
#include "arch/vmx/vmcs_bits.h"
#include "arch/vmx/vmx_check.h"
#include "arch/x86/registers.h"
#include "vmm/backend.h"
#include "vmm/util/pat.h"
#include "vmm/util/types.h"

#define REGISTERS "27.3.1.1"
#define FLAGS "27.3.1.4"
#define OTHER_STATE "27.3.1.5"
#define PDPTES "27.3.1.6"

#define DEBUGCTL_RESERVED 0xffffffffffff0038ULL // bits 63 to 16, 5 to 3
#define DEBUGCTL_BTF BIT(1)
#define PDPTE_PRESENT BIT(0)
#define PDPTE_RESERVED 0x1e6ULL // bits 8 to 5, 2 and 1

#define ACTIVITY_HLT 1
#define ACTIVITY_SHUTDOWN 2
#define ACTIVITY_WAIT_FOR_SIPI 3
#define MISC_ACTIVITY_SHIFT 5 // its bits 6 to 8 are for the states 1 to 3

#define BLOCKING_STI BIT(0)
#define BLOCKING_MOV_SS BIT(1)
#define BLOCKING_SMI BIT(2)
#define BLOCKING_NMI BIT(3)
#define BLOCKING_RESERVED 0xffffffe0U
#define PENDING_BS BIT(14)
#define PENDING_RESERVED 0xfffffffffffeaff0ULL // all but bits 0 to 3, 12, 14, 16

// What is in several rules.
struct guest {
    bool long_mode; // the control "IA-32e mode guest"
    uint64_t cr0;
    uint64_t cr4;
    uint64_t rflags;
    uint32_t entry;
    uint32_t event; // 0: none is injected
    unsigned event_type;
    unsigned event_vector;
};

static struct guest read_guest(void)
{
    uint32_t info = vmcs_read32(VM_ENTRY_INTERRUPTION_INFO);
    uint32_t entry = vmcs_read32(VM_ENTRY_CONTROLS);
    return (struct guest){.long_mode = entry & ENTRY_CONTROL_IA32E_GUEST,
                          .cr0 = vmcs_read(GUEST_CR0),
                          .cr4 = vmcs_read(GUEST_CR4),
                          .rflags = vmcs_read(GUEST_RFLAGS),
                          .entry = entry,
                          .event = info & INTERRUPTION_VALID ? info : 0,
                          .event_type = info >> INTERRUPTION_TYPE_SHIFT & INTERRUPTION_TYPE_MASK,
                          .event_vector = info & INTERRUPTION_VECTOR_MASK};
}

static bool injects(const struct guest *g, enum interruption_type type)
{
    return g->event && g->event_type == type;
}

// ---- 27.3.1.1 ----

static bool check_control_registers(const struct vmx_limits *limits, const struct guest *g,
                                    struct checked_rule *found)
{
    bool unrestricted = vmx_secondary_controls() & SECONDARY_UNRESTRICTED_GUEST;
    uint64_t unchecked = CR0_UNCHECKED | (unrestricted ? CR0_PE | CR0_PG : 0);
    uint64_t cr3 = vmcs_read(GUEST_CR3);
    const struct checked_rule rules[] = {
        {~g->cr0 & limits->cr0_fixed0 & ~unchecked, REGISTERS, "guest CR0", g->cr0,
         "VMX demands more bits"},
        {g->cr0 & ~limits->cr0_fixed1 & ~unchecked, REGISTERS, "guest CR0", g->cr0,
         "VMX does not allow all of its bits"},
        {(g->cr0 & CR0_PG) && !(g->cr0 & CR0_PE), REGISTERS, "guest CR0", g->cr0, "PG needs PE"},
        {~g->cr4 & limits->cr4_fixed0, REGISTERS, "guest CR4", g->cr4, "VMX demands more bits"},
        {g->cr4 & ~limits->cr4_fixed1, REGISTERS, "guest CR4", g->cr4,
         "VMX does not allow all of its bits"},
        {g->long_mode && !(g->cr0 & CR0_PG), REGISTERS, "guest CR0", g->cr0,
         "IA-32e mode needs PG"},
        {g->long_mode && !(g->cr4 & CR4_PAE), REGISTERS, "guest CR4", g->cr4,
         "IA-32e mode needs PAE"},
        {!g->long_mode && (g->cr4 & CR4_PCIDE), REGISTERS, "guest CR4", g->cr4,
         "PCIDE needs IA-32e mode"},
        {cr3 >> limits->physical_bits, REGISTERS, "guest CR3", cr3,
         "it must be a physical address"},
    };
    return rule_check_first(rules, ARRAY_SIZE(rules), found);
}

static bool check_msrs(const struct vmx_limits *limits, const struct guest *g,
                       struct checked_rule *found)
{
    bool loads_debug = g->entry & ENTRY_CONTROL_LOAD_DEBUG_CONTROLS;
    bool loads_efer = g->entry & ENTRY_CONTROL_LOAD_EFER;
    bool loads_pat = g->entry & ENTRY_CONTROL_LOAD_PAT;
    uint64_t debugctl = loads_debug ? vmcs_read64(GUEST_IA32_DEBUGCTL) : 0;
    uint64_t dr7 = loads_debug ? vmcs_read(GUEST_DR7) : 0;
    uint64_t efer = loads_efer ? vmcs_read64(GUEST_IA32_EFER) : 0;
    uint64_t pat = loads_pat ? vmcs_read64(GUEST_IA32_PAT) : 0;
    uint64_t esp = vmcs_read(GUEST_SYSENTER_ESP);
    uint64_t eip = vmcs_read(GUEST_SYSENTER_EIP);
    const struct checked_rule rules[] = {
        {debugctl & DEBUGCTL_RESERVED, REGISTERS, "guest DEBUGCTL", debugctl,
         "its reserved bits must be 0"},
        {dr7 >> 32, REGISTERS, "guest DR7", dr7, "bits 63 to 32 must be 0"},
        {!vmx_is_canonical(limits, esp), REGISTERS, "guest SYSENTER_ESP", esp,
         "it must be canonical"},
        {!vmx_is_canonical(limits, eip), REGISTERS, "guest SYSENTER_EIP", eip,
         "it must be canonical"},
        {loads_pat && !pat_is_valid(pat), REGISTERS, "guest PAT", pat,
         "each byte must be a memory type"},
        {efer & ~EFER_DEFINED, REGISTERS, "guest EFER", efer, "its reserved bits must be 0"},
        {loads_efer && !(efer & EFER_LMA) == g->long_mode, REGISTERS, "guest EFER", efer,
         "LMA must be as the control \"IA-32e mode guest\""},
        {loads_efer && (g->cr0 & CR0_PG) && !(efer & EFER_LMA) != !(efer & EFER_LME), REGISTERS,
         "guest EFER", efer, "with paging LME must be as LMA"},
    };
    return rule_check_first(rules, ARRAY_SIZE(rules), found);
}

// ---- 27.3.1.4 ----

static bool check_rip_and_flags(const struct vmx_limits *limits, const struct guest *g,
                                struct checked_rule *found)
{
    uint64_t rip = vmcs_read(GUEST_RIP);
    bool wide = g->long_mode && (vmcs_read32(vmcs_guest_access_rights(SEGMENT_CS)) & SEGMENT_L);
    uint64_t high = limits->linear_bits < 64 ? rip >> limits->linear_bits : 0;
    uint64_t ones = limits->linear_bits < 64 ? UINT64_MAX >> limits->linear_bits : 0;
    const struct checked_rule rules[] = {
        {!wide && rip >> 32, FLAGS, "guest RIP", rip, "outside 64-bit mode it has 32 bits"},
        {wide && high != 0 && high != ones, FLAGS, "guest RIP", rip,
         "the bits above a linear address must be equal"},
        {g->rflags & RFLAGS_RESERVED, FLAGS, "guest RFLAGS", g->rflags,
         "its reserved bits must be 0"},
        {!(g->rflags & RFLAGS_FIXED), FLAGS, "guest RFLAGS", g->rflags, "bit 1 must be 1"},
        {(g->rflags & RFLAGS_VM) && (g->long_mode || !(g->cr0 & CR0_PE)), FLAGS, "guest RFLAGS",
         g->rflags, "VM needs protected mode outside IA-32e mode"},
        {injects(g, INTERRUPTION_EXTERNAL) && !(g->rflags & RFLAGS_IF), FLAGS, "guest RFLAGS",
         g->rflags, "an injected interrupt needs IF"},
    };
    return rule_check_first(rules, ARRAY_SIZE(rules), found);
}

// ---- 27.3.1.5 ----

// Whether the activity state blocks the event that the entry injects.
static bool state_blocks(uint32_t activity, const struct guest *g)
{
    bool exception = injects(g, INTERRUPTION_HARDWARE_EXCEPTION);
    bool machine_check = exception && g->event_vector == VECTOR_MC;
    bool nmi = injects(g, INTERRUPTION_NMI);
    if (!g->event) {
        return false;
    }
    switch (activity) {
    case ACTIVITY_HLT:
        return !nmi && !machine_check && !injects(g, INTERRUPTION_EXTERNAL) &&
               !(exception && g->event_vector == VECTOR_DB) && g->event_type != 7;
    case ACTIVITY_SHUTDOWN:
        return !nmi && !machine_check;
    default:
        return activity == ACTIVITY_WAIT_FOR_SIPI;
    }
}

static bool check_activity(const struct vmx_limits *limits, const struct guest *g,
                           uint32_t blocking, struct checked_rule *found)
{
    uint32_t activity = vmcs_read32(GUEST_ACTIVITY_STATE);
    unsigned dpl = vmcs_read32(vmcs_guest_access_rights(SEGMENT_SS)) >> SEGMENT_DPL_SHIFT & 3;
    const char *field = "activity state";
    bool known = activity == 0 || (activity <= ACTIVITY_WAIT_FOR_SIPI &&
                                   (limits->misc & BIT(MISC_ACTIVITY_SHIFT + activity)));
    const struct checked_rule rules[] = {
        {!known, OTHER_STATE, field, activity, "the CPU must know it"},
        {activity == ACTIVITY_HLT && dpl != 0, OTHER_STATE, field, activity,
         "HLT needs privilege level 0"},
        {activity != 0 && (blocking & (BLOCKING_STI | BLOCKING_MOV_SS)), OTHER_STATE, field,
         activity, "after STI and MOV SS it must be active"},
        {state_blocks(activity, g), OTHER_STATE, field, activity,
         "it must not block the injected event"},
    };
    return rule_check_first(rules, ARRAY_SIZE(rules), found);
}

static bool check_blocking(const struct guest *g, uint32_t blocking, struct checked_rule *found)
{
    bool virtual_nmis = vmcs_read32(PIN_BASED_CONTROLS) & PIN_VIRTUAL_NMIS;
    const char *field = "interruptibility";
    const struct checked_rule rules[] = {
        {blocking & BLOCKING_RESERVED, OTHER_STATE, field, blocking, "bits 31 to 5 must be 0"},
        {(blocking & BLOCKING_STI) && (blocking & BLOCKING_MOV_SS), OTHER_STATE, field, blocking,
         "it must not be after both STI and MOV SS"},
        {(blocking & BLOCKING_STI) && !(g->rflags & RFLAGS_IF), OTHER_STATE, field, blocking,
         "after STI, IF must be set"},
        {(blocking & (BLOCKING_STI | BLOCKING_MOV_SS)) && injects(g, INTERRUPTION_EXTERNAL),
         OTHER_STATE, field, blocking, "it must not block the injected interrupt"},
        {(blocking & BLOCKING_MOV_SS) && injects(g, INTERRUPTION_NMI), OTHER_STATE, field, blocking,
         "MOV SS must not block the injected NMI"},
        {(blocking & BLOCKING_NMI) && virtual_nmis && injects(g, INTERRUPTION_NMI), OTHER_STATE,
         field, blocking, "it must not block the injected NMI"},
        {blocking & BLOCKING_SMI, OTHER_STATE, field, blocking,
         "SMIs can be blocked only within SMM"},
    };
    return rule_check_first(rules, ARRAY_SIZE(rules), found);
}

static bool check_pending(const struct guest *g, uint32_t blocking, struct checked_rule *found)
{
    uint64_t pending = vmcs_read(GUEST_PENDING_DEBUG);
    uint64_t debugctl = vmcs_read64(GUEST_IA32_DEBUGCTL);
    uint64_t link = vmcs_read64(VMCS_LINK_POINTER);
    bool held = (blocking & (BLOCKING_STI | BLOCKING_MOV_SS)) ||
                vmcs_read32(GUEST_ACTIVITY_STATE) == ACTIVITY_HLT;
    bool steps = (g->rflags & RFLAGS_TF) && !(debugctl & DEBUGCTL_BTF);
    const char *field = "pending debug exceptions";
    const struct checked_rule rules[] = {
        {pending & PENDING_RESERVED, OTHER_STATE, field, pending, "its reserved bits must be 0"},
        {held && steps && !(pending & PENDING_BS), OTHER_STATE, field, pending,
         "after STI, MOV SS or in HLT a single step needs BS"},
        {held && !steps && (pending & PENDING_BS), OTHER_STATE, field, pending,
         "after STI, MOV SS or in HLT BS needs a single step"},
        {link != UINT64_MAX && (link & (PAGE_SIZE - 1)), OTHER_STATE, "VMCS link pointer", link,
         "bits 11 to 0 must be 0"},
    };
    return rule_check_first(rules, ARRAY_SIZE(rules), found);
}

// ---- 27.3.1.6 ----

static bool check_pdptes(const struct vmx_limits *limits, const struct guest *g,
                         struct checked_rule *found)
{
    static const char *const names[] = {"PDPTE0", "PDPTE1", "PDPTE2", "PDPTE3"};
    if (!(g->cr0 & CR0_PG) || !(g->cr4 & CR4_PAE) || g->long_mode) {
        return false;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        uint64_t pdpte = vmcs_read64(VMCS64(GUEST_PDPTE0.encoding + 2 * i));
        if ((pdpte & PDPTE_PRESENT) && vmx_is_bad_address(limits, pdpte, PDPTE_RESERVED)) {
            *found =
                (struct checked_rule){true, PDPTES, names[i], pdpte, "its reserved bits must be 0"};
            return true;
        }
    }
    return false;
}

bool vmx_check_guest(const struct vmx_limits *limits, struct checked_rule *found)
{
    const struct guest guest = read_guest();
    uint32_t blocking = vmcs_read32(GUEST_INTERRUPTIBILITY);
    return check_control_registers(limits, &guest, found) || check_msrs(limits, &guest, found) ||
           check_rip_and_flags(limits, &guest, found) ||
           check_activity(limits, &guest, blocking, found) ||
           check_blocking(&guest, blocking, found) || check_pending(&guest, blocking, found) ||
           check_pdptes(limits, &guest, found);
}
