// SPDX-License-Identifier: MIT
// The checks of VM-execution, VM-exit and VM-entry control fields (SDM Vol. 3C 27.2.1), as far as
// Husk uses the controls.
#include "arch/vmx/vmx_check_controls.h"

#include "arch/vmx/vmcs.h"
#include "arch/vmx/vmcs_bits.h"
#include "arch/vmx/vmx_capability.h"
#include "arch/vmx/vmx_check.h"
#include "vmm/util/types.h"

#define EXECUTION "27.2.1.1"
#define EXITS "27.2.1.2"
#define ENTRIES "27.2.1.3"

#define CR3_TARGETS_MAX 4
#define ENTRY_TO_SMM BIT(10)
#define ENTRY_DEACTIVATE_DUAL_MONITOR BIT(11)
#define EPTP_TYPE_MASK 7U
#define EPTP_WALK_SHIFT 3
#define EPTP_WALK_4 3U
#define EPTP_ACCESSED_DIRTY BIT(6)
#define EPTP_RESERVED 0xf80U // bits 11 to 7
#define EPT_CAP_UNCACHEABLE BIT(8)
#define MSR_AREA_LOW 0xfU
#define PAGE_LOW (PAGE_SIZE - 1)

struct words {
    uint32_t pin;
    uint32_t primary;
    uint32_t secondary; // 0: it is not activated
    uint32_t exit;
    uint32_t entry;
};

static struct words read_words(void)
{
    return (struct words){.pin = vmcs_read32(PIN_BASED_CONTROLS),
                          .primary = vmcs_read32(PRIMARY_CONTROLS),
                          .secondary = vmx_secondary_controls(),
                          .exit = vmcs_read32(VM_EXIT_CONTROLS),
                          .entry = vmcs_read32(VM_ENTRY_CONTROLS)};
}

static bool check_words(const struct vmx_limits *limits, const struct words *w,
                        struct checked_rule *found)
{
    const char *rule = "the CPU does not allow a bit of it, or demands one more";
    const struct checked_rule rules[] = {
        {vmx_is_bad_control(limits->pin, w->pin), EXECUTION, "pin-based controls", w->pin, rule},
        {vmx_is_bad_control(limits->primary, w->primary), EXECUTION, "primary controls", w->primary,
         rule},
        {(w->primary & PRIMARY_ACTIVATE_SECONDARY) &&
             vmx_is_bad_control(limits->secondary, w->secondary),
         EXECUTION, "secondary controls", w->secondary, rule},
        {vmx_is_bad_control(limits->exit, w->exit), EXITS, "VM-exit controls", w->exit, rule},
        {vmx_is_bad_control(limits->entry, w->entry), ENTRIES, "VM-entry controls", w->entry, rule},
    };
    return rule_check_first(rules, ARRAY_SIZE(rules), found);
}

// Controls that need others, or exclude them.
static bool check_needs(const struct words *w, struct checked_rule *found)
{
    bool delivers = w->secondary & SECONDARY_INTERRUPT_DELIVERY;
    bool timer = w->pin & PIN_PREEMPTION_TIMER;
    const struct checked_rule rules[] = {
        {!(w->pin & PIN_NMI_EXITING) && (w->pin & PIN_VIRTUAL_NMIS), EXECUTION,
         "pin-based controls", w->pin, "virtual NMIs need NMI exiting"},
        {!(w->pin & PIN_VIRTUAL_NMIS) && (w->primary & PRIMARY_NMI_WINDOW_EXITING), EXECUTION,
         "primary controls", w->primary, "NMI-window exiting needs virtual NMIs"},
        {!(w->primary & PRIMARY_USE_TPR_SHADOW) &&
             (w->secondary &
              (SECONDARY_X2APIC_MODE | SECONDARY_APIC_REGISTERS | SECONDARY_INTERRUPT_DELIVERY)),
         EXECUTION, "secondary controls", w->secondary, "APIC virtualization needs the TPR shadow"},
        {(w->secondary & SECONDARY_X2APIC_MODE) && (w->secondary & SECONDARY_APIC_ACCESSES),
         EXECUTION, "secondary controls", w->secondary,
         "x2APIC mode excludes virtualized APIC accesses"},
        {delivers && !(w->pin & PIN_EXTERNAL_INTERRUPT_EXITING), EXECUTION, "pin-based controls",
         w->pin, "virtual-interrupt delivery needs external-interrupt exiting"},
        {(w->pin & PIN_POSTED_INTERRUPTS) && !delivers, EXECUTION, "pin-based controls", w->pin,
         "posted interrupts need virtual-interrupt delivery"},
        {(w->pin & PIN_POSTED_INTERRUPTS) && !(w->exit & EXIT_CONTROL_ACKNOWLEDGE_INTERRUPT),
         EXECUTION, "VM-exit controls", w->exit, "posted interrupts need acknowledging exits"},
        {(w->secondary & SECONDARY_UNRESTRICTED_GUEST) && !(w->secondary & SECONDARY_ENABLE_EPT),
         EXECUTION, "secondary controls", w->secondary, "an unrestricted guest needs EPT"},
        {!timer && (w->exit & EXIT_CONTROL_SAVE_PREEMPTION_TIMER), EXITS, "VM-exit controls",
         w->exit, "saving the preemption timer needs the timer"},
        {w->entry & (ENTRY_TO_SMM | ENTRY_DEACTIVATE_DUAL_MONITOR), ENTRIES, "VM-entry controls",
         w->entry, "the controls of SMM must be 0 outside SMM"},
    };
    return rule_check_first(rules, ARRAY_SIZE(rules), found);
}

static bool check_bitmaps(const struct vmx_limits *limits, const struct words *w,
                          struct checked_rule *found)
{
    bool io = w->primary & PRIMARY_USE_IO_BITMAPS;
    uint64_t a = io ? vmcs_read64(IO_BITMAP_A) : 0;
    uint64_t b = io ? vmcs_read64(IO_BITMAP_B) : 0;
    uint64_t msr = w->primary & PRIMARY_USE_MSR_BITMAPS ? vmcs_read64(MSR_BITMAP) : 0;
    const char *rule = "it must be the physical address of a page";
    const struct checked_rule rules[] = {
        {vmcs_read32(CR3_TARGET_COUNT) > CR3_TARGETS_MAX, EXECUTION, "CR3-target count",
         vmcs_read32(CR3_TARGET_COUNT), "it must not be above 4"},
        {vmx_is_bad_address(limits, a, PAGE_LOW), EXECUTION, "I/O bitmap A", a, rule},
        {vmx_is_bad_address(limits, b, PAGE_LOW), EXECUTION, "I/O bitmap B", b, rule},
        {vmx_is_bad_address(limits, msr, PAGE_LOW), EXECUTION, "MSR bitmap", msr, rule},
    };
    return rule_check_first(rules, ARRAY_SIZE(rules), found);
}

static bool check_apic(const struct vmx_limits *limits, const struct words *w,
                       struct checked_rule *found)
{
    bool shadow = w->primary & PRIMARY_USE_TPR_SHADOW;
    bool posted = w->pin & PIN_POSTED_INTERRUPTS;
    uint64_t page = shadow ? vmcs_read64(VIRTUAL_APIC_ADDRESS) : 0;
    uint32_t threshold = shadow ? vmcs_read32(TPR_THRESHOLD) : 0;
    uint64_t access = w->secondary & SECONDARY_APIC_ACCESSES ? vmcs_read64(APIC_ACCESS_ADDRESS) : 0;
    uint64_t descriptor = posted ? vmcs_read64(POSTED_DESCRIPTOR_ADDRESS) : 0;
    uint16_t vector = posted ? vmcs_read16(POSTED_NOTIFICATION_VECTOR) : 0;
    bool delivers = w->secondary & SECONDARY_INTERRUPT_DELIVERY;
    const char *rule = "it must be the physical address of a page";
    const struct checked_rule rules[] = {
        {vmx_is_bad_address(limits, page, PAGE_LOW), EXECUTION, "virtual-APIC address", page, rule},
        {!delivers && threshold >> 4, EXECUTION, "TPR threshold", threshold,
         "bits 31 to 4 must be 0"},
        {vmx_is_bad_address(limits, access, PAGE_LOW), EXECUTION, "APIC-access address", access,
         rule},
        {vector > UINT8_MAX, EXECUTION, "posted-interrupt vector", vector, "it must be 0 to 255"},
        {vmx_is_bad_address(limits, descriptor, 63), EXECUTION, "posted-interrupt descriptor",
         descriptor, "it must be a physical address, a multiple of 64"},
    };
    return rule_check_first(rules, ARRAY_SIZE(rules), found);
}

static bool is_good_ept_type(const struct vmx_limits *limits, uint64_t eptp)
{
    unsigned type = eptp & EPTP_TYPE_MASK;
    return (type == 6 && (limits->ept_vpid & EPT_CAP_WRITE_BACK)) ||
           (type == 0 && (limits->ept_vpid & EPT_CAP_UNCACHEABLE));
}

static bool check_translation(const struct vmx_limits *limits, const struct words *w,
                              struct checked_rule *found)
{
    bool ept = w->secondary & SECONDARY_ENABLE_EPT;
    bool vpid = w->secondary & SECONDARY_ENABLE_VPID;
    uint64_t eptp = ept ? vmcs_read64(EPT_POINTER) : 0;
    bool marks = limits->ept_vpid & EPT_CAP_ACCESSED_DIRTY;
    const struct checked_rule rules[] = {
        {vpid && vmcs_read16(VPID) == 0, EXECUTION, "VPID", 0, "it must not be 0"},
        {ept && !is_good_ept_type(limits, eptp), EXECUTION, "EPT pointer", eptp,
         "bits 2 to 0 must be a memory type that the CPU has"},
        {ept && (eptp >> EPTP_WALK_SHIFT & 7) != EPTP_WALK_4, EXECUTION, "EPT pointer", eptp,
         "bits 5 to 3 must be 3, for 4 levels"},
        {!marks && (eptp & EPTP_ACCESSED_DIRTY), EXECUTION, "EPT pointer", eptp,
         "bit 6 needs accessed and dirty bits"},
        {vmx_is_bad_address(limits, eptp, EPTP_RESERVED), EXECUTION, "EPT pointer", eptp,
         "its reserved bits must be 0"},
    };
    return rule_check_first(rules, ARRAY_SIZE(rules), found);
}

static bool check_areas(const struct vmx_limits *limits, struct checked_rule *found)
{
    uint64_t store =
        vmcs_read32(VM_EXIT_MSR_STORE_COUNT) ? vmcs_read64(VM_EXIT_MSR_STORE_ADDRESS) : 0;
    uint64_t load = vmcs_read32(VM_EXIT_MSR_LOAD_COUNT) ? vmcs_read64(VM_EXIT_MSR_LOAD_ADDRESS) : 0;
    uint64_t entry =
        vmcs_read32(VM_ENTRY_MSR_LOAD_COUNT) ? vmcs_read64(VM_ENTRY_MSR_LOAD_ADDRESS) : 0;
    const char *rule = "it must be a physical address, a multiple of 16";
    const struct checked_rule rules[] = {
        {vmx_is_bad_address(limits, store, MSR_AREA_LOW), EXITS, "VM-exit MSR-store address", store,
         rule},
        {vmx_is_bad_address(limits, load, MSR_AREA_LOW), EXITS, "VM-exit MSR-load address", load,
         rule},
        {vmx_is_bad_address(limits, entry, MSR_AREA_LOW), ENTRIES, "VM-entry MSR-load address",
         entry, rule},
    };
    return rule_check_first(rules, ARRAY_SIZE(rules), found);
}

bool vmx_check_controls(const struct vmx_limits *limits, struct checked_rule *found)
{
    const struct words words = read_words();
    return check_words(limits, &words, found) || check_needs(&words, found) ||
           check_bitmaps(limits, &words, found) || check_apic(limits, &words, found) ||
           check_translation(limits, &words, found) || check_areas(limits, found);
}
