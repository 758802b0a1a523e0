// SPDX-License-Identifier: MIT
// What this CPU's AMD-V can do (APM Vol. 3 appendix E.4.6), and what all of them have in common.
#include "arch/svm/svm_capability.h"

#include "arch/x86/cpuid.h"
#include "arch/x86/errata.h"
#include "arch/x86/feature_switches.h"
#include "arch/x86/features.h"
#include "vmm/backend.h"
#include "vmm/util/format.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

#define ASIDS_MIN 2 // the host's and one more

#define SIGNATURE_TCG 0x54474354u // "TCGT": QEMU without KVM

// QEMU differs from CPUs in ways that Husk works around. The work-around is for QEMU only.
static bool is_qemu_tcg(void)
{
    bool emulated = cpuid_checked(CPUID_FEATURES, 0).ecx & CPUID_1_ECX_HYPERVISOR;
    return emulated && cpuid(CPUID_HYPERVISOR, 0).ebx == SIGNATURE_TCG;
}

// Features that the word `no=` of Husk's command line switches off.
static const struct {
    enum optional_feature feature;
    uint32_t bit;
} switches[] = {
    {OPTIONAL_NRIPS, SVM_NEXT_RIP},          {OPTIONAL_DECODE_ASSISTS, SVM_DECODE_ASSISTS},
    {OPTIONAL_VMCB_CLEAN, SVM_CLEAN_BITS},   {OPTIONAL_FLUSH_BY_ASID, SVM_FLUSH_BY_ASID},
    {OPTIONAL_PAUSE_EXIT, SVM_PAUSE_FILTER}, {OPTIONAL_AVIC, SVM_AVIC | SVM_X2AVIC},
    {OPTIONAL_VNMI, SVM_VIRTUAL_NMI},
};

static uint32_t switched_on(uint32_t features)
{
    for (unsigned i = 0; i < ARRAY_SIZE(switches); i++) {
        features &= feature_is_off(switches[i].feature) ? ~switches[i].bit : UINT32_MAX;
    }
    return features;
}

enum status svm_capability_read(struct svm_capability *c, struct reason *why)
{
    struct cpuid_registers svm = cpuid_checked(CPUID_SVM, 0);
    c->features = switched_on(svm.edx);
    // Husk does not decode PAUSE, so it needs the next RIP. Without the threshold, PAUSEs far apart
    // would count as a loop.
    uint32_t pause_needs = SVM_NEXT_RIP | SVM_PAUSE_THRESHOLD;
    if ((c->features & pause_needs) != pause_needs) {
        c->features &= ~(uint32_t)SVM_PAUSE_FILTER;
    }
    c->asids = svm.ebx;
    c->pages_1g = !feature_is_off(OPTIONAL_NPT_1G) &&
                  (cpuid_checked(CPUID_EXTENDED_FEATURES, 0).edx & CPUID_80000001_EDX_PAGE_1G);
    c->is_qemu_tcg = is_qemu_tcg();
    c->ipis_exit = erratum_in_force(ERRATUM_1235);
    if (!(c->features & SVM_NESTED_PAGING)) {
        return refuse(why, STATUS_UNSUPPORTED,
                      "AMD-V without nested paging: a CPU from before 2007 cannot run guests");
    }
    if (c->asids < ASIDS_MIN) {
        return refuse(why, STATUS_UNSUPPORTED, "AMD-V with %u ASIDs; no guests", c->asids);
    }
    return STATUS_OK;
}

// ---- What the CPUs have in common ----

static struct svm_capability common = {
    .features = UINT32_MAX, .asids = UINT32_MAX, .pages_1g = true};

void svm_capability_join(const struct svm_capability *own)
{
    common.features &= own->features;
    common.asids = MIN(common.asids, own->asids);
    common.pages_1g &= own->pages_1g;
    common.is_qemu_tcg |= own->is_qemu_tcg;
    common.ipis_exit |= own->ipis_exit;
}

const struct svm_capability *svm_capability(void)
{
    return &common;
}

bool svm_serves_apic(void)
{
    return common.features & SVM_AVIC;
}

unsigned svm_features(void)
{
    bool rdtscp = cpuid_checked(CPUID_EXTENDED_FEATURES, 0).edx & CPUID_80000001_EDX_RDTSCP;
    bool invpcid = cpuid_checked(CPUID_STRUCTURED_FEATURES, 0).ebx & CPUID_7_EBX_INVPCID;
    bool xsaves = cpuid_checked(CPUID_XSAVE, 1).eax & CPUID_D_1_EAX_XSAVES;
    return (rdtscp && !feature_is_off(OPTIONAL_RDTSCP) ? FEATURE_RDTSCP : 0) |
           (invpcid && !feature_is_off(OPTIONAL_INVPCID) ? FEATURE_INVPCID : 0) |
           (xsaves && !feature_is_off(OPTIONAL_XSAVES) ? FEATURE_XSAVES : 0) | FEATURE_STEP |
           (svm_serves_apic() ? FEATURE_APIC : 0) |
           (svm_capability()->features & SVM_X2AVIC ? FEATURE_APIC_MSR : 0);
}

struct feature {
    const char *name;
    bool present;
    enum optional_feature feature; // OPTIONAL_COUNT: none
    const char *with;              // how Husk uses it
    const char *without;           // what Husk does instead
};

static void tell(struct feature_sink *sink, const struct feature *feature)
{
    sink->feature(sink, feature->name, feature->present,
                  feature->present ? feature->with
                                   : feature_remark(feature->feature, feature->without));
}

void svm_summarize(struct feature_sink *sink)
{
    const struct svm_capability *c = svm_capability();
    const struct feature features[] = {
        {"NPT 1 GiB pages", c->pages_1g, OPTIONAL_NPT_1G, "", "2 MiB pages are used"},
        {"next-RIP save", c->features & SVM_NEXT_RIP, OPTIONAL_NRIPS, "",
         "instructions are decoded"},
        {"decode assists", c->features & SVM_DECODE_ASSISTS, OPTIONAL_DECODE_ASSISTS, "",
         "instructions are decoded"},
        {"VMCB clean bits", c->features & SVM_CLEAN_BITS, OPTIONAL_VMCB_CLEAN, "",
         "slower entries"},
        {"flush by ASID", c->features & SVM_FLUSH_BY_ASID, OPTIONAL_FLUSH_BY_ASID, "",
         "a flush takes a new ASID"},
        {"PAUSE filter", c->features & SVM_PAUSE_FILTER, OPTIONAL_PAUSE_EXIT, "",
         "a waiting loop uses up its slice"},
        {"RDTSCP", svm_features() & FEATURE_RDTSCP, OPTIONAL_RDTSCP, "", "guests have no RDTSCP"},
        {"INVPCID", svm_features() & FEATURE_INVPCID, OPTIONAL_INVPCID, "",
         "guests have no INVPCID"},
        {"AVIC", c->features & SVM_AVIC, OPTIONAL_AVIC, c->ipis_exit ? "IPIs exit" : "",
         "interrupts cost exits"},
        {"x2AVIC", c->features & SVM_X2AVIC, OPTIONAL_AVIC, "",
         "they do for guests in x2APIC mode"},
        {"virtual NMI", c->features & SVM_VIRTUAL_NMI, OPTIONAL_VNMI, "", "IRETs of NMIs exit"},
        {"virtual GIF", c->features & SVM_VIRTUAL_GIF, OPTIONAL_COUNT,
         "for nested guests: not used", ""},
        {"virtual VMLOAD", c->features & SVM_VIRTUAL_VMLOAD, OPTIONAL_COUNT,
         "for nested guests: not used", ""},
    };
    char asids[12];
    format_text(asids, sizeof(asids), "%u", c->asids);
    sink->feature(sink, "ASIDs", true, asids);
    for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
        tell(sink, &features[i]);
    }
}
