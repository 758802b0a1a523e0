// SPDX-License-Identifier: MIT
// The optional features of CPUs and of the machine that Husk can live without, as `no=` names them.
#pragma once

#include "vmm/util/types.h"

// One line a feature: its name in the code, OPTIONAL_..., and its word after `no=`. Whoever finds
// out whether the feature is there asks feature_is_off (arch/x86/feature_switches.h) too.
#define OPTIONAL_FEATURES(FEATURE)                                                                 \
    /* VT-x */                                                                                     \
    FEATURE(VPID, "vpid")                                                                          \
    FEATURE(INVVPID_SINGLE, "invvpid-single")                                                      \
    FEATURE(INVEPT_SINGLE, "invept-single")                                                        \
    FEATURE(EPT_AD, "ept-ad")                                                                      \
    FEATURE(EPT_2M, "ept-2m")                                                                      \
    FEATURE(EPT_1G, "ept-1g")                                                                      \
    FEATURE(SAFE_CODE_PAGES, "safe-code-pages")                                                    \
    FEATURE(PREEMPTION_TIMER, "preemption-timer")                                                  \
    FEATURE(VIRTUAL_NMIS, "virtual-nmis")                                                          \
    FEATURE(WBINVD_EXITING, "wbinvd-exiting")                                                      \
    FEATURE(TRUE_CONTROLS, "true-controls")                                                        \
    /* AMD-V */                                                                                    \
    FEATURE(NPT_1G, "npt-1g")                                                                      \
    FEATURE(NRIPS, "nrips")                                                                        \
    FEATURE(DECODE_ASSISTS, "decode-assists")                                                      \
    FEATURE(VMCB_CLEAN, "vmcb-clean")                                                              \
    FEATURE(FLUSH_BY_ASID, "flush-by-asid")                                                        \
    /* What guests may have. */                                                                    \
    FEATURE(RDTSCP, "rdtscp")                                                                      \
    FEATURE(INVPCID, "invpcid")                                                                    \
    FEATURE(XSAVE, "xsave")                                                                        \
    FEATURE(XSAVES, "xsaves")                                                                      \
    FEATURE(AVX, "avx")                                                                            \
    FEATURE(AVX512, "avx512")                                                                      \
    FEATURE(PKU, "pku")                                                                            \
    /* The host's CPUs. */                                                                         \
    FEATURE(X2APIC, "x2apic")                                                                      \
    FEATURE(TSC_DEADLINE, "tsc-deadline")                                                          \
    FEATURE(TSC_ADJUST, "tsc-adjust")                                                              \
    FEATURE(SMEP, "smep")                                                                          \
    FEATURE(SMAP, "smap")                                                                          \
    FEATURE(UMIP, "umip")                                                                          \
    FEATURE(GLOBAL_PAGES, "global-pages")                                                          \
    FEATURE(PAGES_1G, "pages-1g")                                                                  \
    /* The machine. */                                                                             \
    FEATURE(ACPI, "acpi")                                                                          \
    FEATURE(SMP, "smp")                                                                            \
    FEATURE(PM_TIMER, "pm-timer")                                                                  \
    FEATURE(HPET, "hpet")

#define OPTIONAL_FEATURE_NUMBER(name, word) OPTIONAL_##name,
enum optional_feature { OPTIONAL_FEATURES(OPTIONAL_FEATURE_NUMBER) OPTIONAL_COUNT };
#undef OPTIONAL_FEATURE_NUMBER

// A set of them has a bit for each.
static_assert(OPTIONAL_COUNT <= 64, "a set fits into uint64_t");
