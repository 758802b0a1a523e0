// SPDX-License-Identifier: MIT
// The capabilities that all CPUs share, as features for vmm/ and with names for people.
#include "arch/vmx/vmx_features.h"

#include "arch/vmx/vmcs_bits.h"
#include "arch/vmx/vmx_capability.h"
#include "arch/vmx/vmx_capability_shared.h"
#include "arch/x86/feature_switches.h"
#include "arch/x86/features.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

unsigned vmx_features(void)
{
    const struct vmx_capability *c = vmx_capability();
    return (c->secondary & SECONDARY_ENABLE_RDTSCP ? FEATURE_RDTSCP : 0) |
           (c->secondary & SECONDARY_ENABLE_INVPCID ? FEATURE_INVPCID : 0) |
           (vmx_serves_apic(c) ? FEATURE_APIC | FEATURE_APIC_MSR | FEATURE_APIC_EXTINT : 0) |
           (c->pin & PIN_POSTED_INTERRUPTS ? FEATURE_POSTED : 0) | FEATURE_STEP |
           (c->primary & PRIMARY_MONITOR_TRAP ? FEATURE_STEP_EXACT : 0);
}

void vmx_summarize(struct feature_sink *sink)
{
    const struct vmx_capability *c = vmx_capability();
    const struct {
        const char *name;
        bool present;
        enum optional_feature feature;
        const char *without;
    } features[] = {
        {"VPID", c->secondary & SECONDARY_ENABLE_VPID, OPTIONAL_VPID, "each exit flushes the TLB"},
        {"EPT accessed/dirty", c->ept_vpid & EPT_CAP_ACCESSED_DIRTY, OPTIONAL_EPT_AD,
         "no dirty tracking"},
        {"EPT 2 MiB pages", c->ept_vpid & EPT_CAP_2M, OPTIONAL_EPT_2M, "slower guest memory"},
        {"EPT 1 GiB pages", c->ept_vpid & EPT_CAP_1G, OPTIONAL_EPT_1G, "2 MiB pages are used"},
        {"safe code pages", c->page_size_change_safe, OPTIONAL_SAFE_CODE_PAGES,
         "guest code gets 4 KiB pages"},
        {"preemption timer", c->pin & PIN_PREEMPTION_TIMER, OPTIONAL_PREEMPTION_TIMER,
         "the APIC timer ends runs"},
        {"APIC virtualization", vmx_serves_apic(c), OPTIONAL_APICV, "interrupts cost exits"},
        {"posted interrupts", c->pin & PIN_POSTED_INTERRUPTS, OPTIONAL_POSTED_INTERRUPTS,
         "those from other CPUs cost exits"},
        {"PAUSE-loop exiting", c->secondary & SECONDARY_PAUSE_LOOP_EXITING, OPTIONAL_PAUSE_EXIT,
         "a waiting loop uses up its slice"},
        {"notify window", c->secondary & SECONDARY_INSTRUCTION_TIMEOUT, OPTIONAL_NOTIFY_WINDOW,
         "an endless instruction holds its CPU"},
        {"virtual NMIs", c->pin & PIN_VIRTUAL_NMIS, OPTIONAL_VIRTUAL_NMIS, "no NMIs for guests"},
        {"WBINVD exiting", c->secondary & SECONDARY_WBINVD_EXITING, OPTIONAL_WBINVD_EXITING,
         "a guest's WBINVD slows the machine"},
        {"RDTSCP", c->secondary & SECONDARY_ENABLE_RDTSCP, OPTIONAL_RDTSCP,
         "guests have no RDTSCP"},
        {"INVPCID", c->secondary & SECONDARY_ENABLE_INVPCID, OPTIONAL_INVPCID,
         "guests have no INVPCID"},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
        bool present = features[i].present;
        sink->feature(sink, features[i].name, present,
                      present ? "" : feature_remark(features[i].feature, features[i].without));
    }
}
