// SPDX-License-Identifier: MIT
// Reads what this CPU's AMD-V can do (APM Vol. 3 appendix E.4.6).
#include "arch/svm/svm_cpu.h"
#include "arch/x86/cpuid.h"
#include "vmm/util/format.h"

#define ASIDS_MIN 2 // the host's and one more

#define SIGNATURE_TCG 0x54474354u // "TCGT": QEMU without KVM

// No CPU needs this.
static bool is_qemu_tcg(void)
{
    bool emulated = cpuid_checked(CPUID_FEATURES, 0).ecx & CPUID_1_ECX_HYPERVISOR;
    return emulated && cpuid(CPUID_HYPERVISOR, 0).ebx == SIGNATURE_TCG;
}

enum status svm_capability_read(struct svm_capability *c, struct reason *why)
{
    struct cpuid svm = cpuid_checked(CPUID_SVM, 0);
    c->features = svm.edx;
    c->asids = svm.ebx;
    c->pages_1g = cpuid_checked(CPUID_EXTENDED_FEATURES, 0).edx & CPUID_80000001_EDX_PAGE_1G;
    c->loses_shadow = is_qemu_tcg();
    if (!(c->features & SVM_NESTED_PAGING)) {
        return refuse(why, STATUS_UNSUPPORTED,
                      "AMD-V without nested paging (before 2007); no "
                      "guests");
    }
    if (c->asids < ASIDS_MIN) {
        return refuse(why, STATUS_UNSUPPORTED, "AMD-V with %u ASIDs; no guests", c->asids);
    }
    return STATUS_OK;
}

unsigned svm_features(void)
{
    bool rdtscp = cpuid_checked(CPUID_EXTENDED_FEATURES, 0).edx & CPUID_80000001_EDX_RDTSCP;
    bool invpcid = cpuid_checked(CPUID_STRUCTURED_FEATURES, 0).ebx & CPUID_7_EBX_INVPCID;
    bool xsaves = cpuid_checked(CPUID_XSAVE, 1).eax & CPUID_D_1_EAX_XSAVES;
    return (rdtscp ? FEATURE_RDTSCP : 0) | (invpcid ? FEATURE_INVPCID : 0) |
           (xsaves ? FEATURE_XSAVES : 0);
}

static void say(void (*line)(const char *text), const char *name, bool present, const char *remark)
{
    char text[100];
    format_text(text, sizeof(text), "  %-18s %s%s%s", name, present ? "yes" : "no",
                remark[0] ? ": " : "", remark);
    line(text);
}

void svm_summarize(void (*line)(const char *text))
{
    const struct svm_capability *c = svm_capability();
    const struct {
        const char *name;
        bool present;
        const char *with; // what Husk makes of it
        const char *without;
    } features[] = {
        {"NPT 1 GiB pages", c->pages_1g, "", "2 MiB pages are used"},
        {"next-RIP save", c->features & SVM_NEXT_RIP, "", "instructions are decoded"},
        {"decode assists", c->features & SVM_DECODE_ASSISTS, "", "instructions are decoded"},
        {"VMCB clean bits", c->features & SVM_CLEAN_BITS, "", "slower entries"},
        {"flush by ASID", c->features & SVM_FLUSH_BY_ASID, "", "a flush takes a new ASID"},
        {"RDTSCP", svm_features() & FEATURE_RDTSCP, "", "guests have no RDTSCP"},
        {"INVPCID", svm_features() & FEATURE_INVPCID, "", "guests have no INVPCID"},
        {"AVIC", c->features & SVM_AVIC, "not used", ""},
        {"virtual GIF", c->features & SVM_VIRTUAL_GIF, "for nested guests: not used", ""},
        {"virtual VMLOAD", c->features & SVM_VIRTUAL_VMLOAD, "for nested guests: not used", ""},
    };
    char text[40];
    format_text(text, sizeof(text), "  %-18s %u", "ASIDs", c->asids);
    line(text);
    for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
        say(line, features[i].name, features[i].present,
            features[i].present ? features[i].with : features[i].without);
    }
}
