// SPDX-License-Identifier: MIT
// Rules about capabilities: which need each other, and what CPUs that differ have in common.
#include "arch/vmx/vmx_capability.h"

bool vmx_serves_apic(const struct vmx_capability *c)
{
    return (c->secondary & SECONDARY_APICV) == SECONDARY_APICV;
}

enum status vmx_capability_settle(struct vmx_capability *c, struct reason *why)
{
    uint64_t ept = EPT_CAP_WALK_4 | EPT_CAP_WRITE_BACK | EPT_CAP_INVEPT;
    if ((c->ept_vpid & ept) != ept ||
        !(c->ept_vpid & (EPT_CAP_INVEPT_SINGLE | EPT_CAP_INVEPT_ALL))) {
        return refuse(why, STATUS_UNSUPPORTED,
                      "EPT lacks 4-level walks, write-back tables or INVEPT (0x%llx); no guests",
                      (unsigned long long)c->ept_vpid);
    }
    // A CPU without the TRUE MSRs may force exits on CR3 accesses.
    if (c->primary & (PRIMARY_CR3_LOAD_EXITING | PRIMARY_CR3_STORE_EXITING)) {
        return refuse(why, STATUS_UNSUPPORTED, "this VT-x forces exits on CR3 accesses; no guests");
    }
    bool invvpid = (c->ept_vpid & VPID_CAP_INVVPID) &&
                   (c->ept_vpid & (VPID_CAP_INVVPID_SINGLE | VPID_CAP_INVVPID_ALL));
    if (!invvpid) {
        c->secondary &= ~(uint32_t)SECONDARY_ENABLE_VPID;
    }
    // With APIC virtualization CR8 is the TPR in the APIC's page, and does not exit.
    if (vmx_serves_apic(c) && (c->primary & PRIMARY_USE_TPR_SHADOW)) {
        c->primary &= ~(uint32_t)PRIMARY_CR8_EXITING;
    } else {
        c->secondary &= ~SECONDARY_APICV;
        c->primary &= ~(uint32_t)PRIMARY_USE_TPR_SHADOW;
        c->primary |= (uint32_t)PRIMARY_CR8_EXITING;
    }
    // Posted interrupts need virtual-interrupt delivery, and exits that acknowledge (27.2.1.1).
    if (!(c->secondary & SECONDARY_INTERRUPT_DELIVERY) ||
        !(c->exit & EXIT_CONTROL_ACKNOWLEDGE_INTERRUPT)) {
        c->pin &= ~(uint32_t)PIN_POSTED_INTERRUPTS;
    }
    // A timer that starts anew at each entry would never end the slice of a guest that exits often.
    if (!(c->exit & EXIT_CONTROL_SAVE_PREEMPTION_TIMER) || !(c->pin & PIN_PREEMPTION_TIMER)) {
        c->pin &= ~(uint32_t)PIN_PREEMPTION_TIMER;
        c->exit &= ~(uint32_t)EXIT_CONTROL_SAVE_PREEMPTION_TIMER;
    }
    return STATUS_OK;
}

// A control that is not optional is on because Husk or the CPU insists on it.
static bool differ_in_optional_ones(const struct vmx_capability *a, const struct vmx_capability *b)
{
    return !((a->pin ^ b->pin) & ~PIN_OPTIONAL) &&
           !((a->primary ^ b->primary) & ~PRIMARY_OPTIONAL) &&
           !((a->secondary ^ b->secondary) & ~SECONDARY_OPTIONAL) &&
           !((a->exit ^ b->exit) & ~EXIT_CONTROL_OPTIONAL) && a->entry == b->entry;
}

enum status vmx_capability_narrow(struct vmx_capability *common, const struct vmx_capability *own,
                                  struct reason *why)
{
    struct vmx_capability both = *common;
    if (own->revision != both.revision) {
        return refuse(why, STATUS_UNSUPPORTED, "its VMCS revision is 0x%x, the first CPU's 0x%x",
                      own->revision, both.revision);
    }
    if (!differ_in_optional_ones(own, &both)) {
        return refuse(why, STATUS_UNSUPPORTED,
                      "its VT-x insists on other controls than the first CPU's");
    }
    both.pin &= own->pin;
    both.primary &= own->primary;
    both.secondary &= own->secondary;
    both.exit &= own->exit;
    both.ept_vpid &= own->ept_vpid;
    both.cr0_fixed0 |= own->cr0_fixed0;
    both.cr0_fixed1 &= own->cr0_fixed1;
    both.cr4_fixed0 |= own->cr4_fixed0;
    both.cr4_fixed1 &= own->cr4_fixed1;
    both.page_size_change_safe &= own->page_size_change_safe;
    if (own->preemption_timer_shift != both.preemption_timer_shift) {
        both.pin &= ~(uint32_t)PIN_PREEMPTION_TIMER;
    }
    enum status status = vmx_capability_settle(&both, why);
    if (status != STATUS_OK) {
        return status;
    }
    *common = both;
    return STATUS_OK;
}
