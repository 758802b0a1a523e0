// SPDX-License-Identifier: MIT
// The table of the words after `no=`.
#include "vmm/config/config_features.h"

#include "arch/x86/features.h"
#include "vmm/util/string.h"

static const char *const words[] = {
    [OPTIONAL_VPID] = "vpid",
    [OPTIONAL_INVVPID_SINGLE] = "invvpid-single",
    [OPTIONAL_INVEPT_SINGLE] = "invept-single",
    [OPTIONAL_EPT_AD] = "ept-ad",
    [OPTIONAL_EPT_2M] = "ept-2m",
    [OPTIONAL_EPT_1G] = "ept-1g",
    [OPTIONAL_SAFE_CODE_PAGES] = "safe-code-pages",
    [OPTIONAL_PREEMPTION_TIMER] = "preemption-timer",
    [OPTIONAL_VIRTUAL_NMIS] = "virtual-nmis",
    [OPTIONAL_WBINVD_EXITING] = "wbinvd-exiting",
    [OPTIONAL_TRUE_CONTROLS] = "true-controls",
    [OPTIONAL_APICV] = "apicv",
    [OPTIONAL_POSTED_INTERRUPTS] = "posted-interrupts",
    [OPTIONAL_NOTIFY_WINDOW] = "notify-window",
    [OPTIONAL_PAUSE_EXIT] = "pause-exit",
    [OPTIONAL_NPT_1G] = "npt-1g",
    [OPTIONAL_NRIPS] = "nrips",
    [OPTIONAL_DECODE_ASSISTS] = "decode-assists",
    [OPTIONAL_VMCB_CLEAN] = "vmcb-clean",
    [OPTIONAL_FLUSH_BY_ASID] = "flush-by-asid",
    [OPTIONAL_AVIC] = "avic",
    [OPTIONAL_VNMI] = "vnmi",
    [OPTIONAL_RDTSCP] = "rdtscp",
    [OPTIONAL_INVPCID] = "invpcid",
    [OPTIONAL_XSAVE] = "xsave",
    [OPTIONAL_XSAVEC] = "xsavec",
    [OPTIONAL_XSAVES] = "xsaves",
    [OPTIONAL_AVX] = "avx",
    [OPTIONAL_AVX512] = "avx512",
    [OPTIONAL_PKU] = "pku",
    [OPTIONAL_X2APIC] = "x2apic",
    [OPTIONAL_TSC_DEADLINE] = "tsc-deadline",
    [OPTIONAL_TSC_ADJUST] = "tsc-adjust",
    [OPTIONAL_SMEP] = "smep",
    [OPTIONAL_SMAP] = "smap",
    [OPTIONAL_UMIP] = "umip",
    [OPTIONAL_GLOBAL_PAGES] = "global-pages",
    [OPTIONAL_PAGES_1G] = "pages-1g",
    [OPTIONAL_ACPI] = "acpi",
    [OPTIONAL_SMP] = "smp",
    [OPTIONAL_PM_TIMER] = "pm-timer",
    [OPTIONAL_HPET] = "hpet",
    [OPTIONAL_PIT] = "pit",
    [OPTIONAL_XHCI] = "xhci",
};

static_assert(ARRAY_SIZE(words) == OPTIONAL_COUNT, "a word for each");

bool config_feature_add(const char *name, size_t length, uint64_t *set)
{
    for (unsigned i = 0; i < OPTIONAL_COUNT; i++) {
        if (strlen(words[i]) == length && memcmp(words[i], name, length) == 0) {
            *set |= BIT(i);
            return true;
        }
    }
    return false;
}

bool config_feature_line(unsigned *next, char line[CONFIG_FEATURE_LINE])
{
    size_t used = 0;
    for (; *next < OPTIONAL_COUNT; (*next)++) {
        size_t length = strlen(words[*next]);
        if (used + length + 2 > CONFIG_FEATURE_LINE) {
            break;
        }
        memcpy(line + used, words[*next], length);
        used += length;
        line[used++] = ',';
    }
    line[used > 0 && *next == OPTIONAL_COUNT ? used - 1 : used] = '\0';
    return used > 0;
}
