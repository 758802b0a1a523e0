// SPDX-License-Identifier: MIT
// The optional features of CPUs and of the machine: Husk works without them. `no=` switches them
// off.
#pragma once

#include "vmm/util/types.h"

// The code that detects a feature also asks feature_is_off (arch/x86/feature_switches.h). The words
// of `no=` are in vmm/config/config_features.c.
enum optional_feature {
    // VT-x
    OPTIONAL_VPID,
    OPTIONAL_INVVPID_SINGLE,
    OPTIONAL_INVEPT_SINGLE,
    OPTIONAL_EPT_AD,
    OPTIONAL_EPT_2M,
    OPTIONAL_EPT_1G,
    OPTIONAL_SAFE_CODE_PAGES,
    OPTIONAL_PREEMPTION_TIMER,
    OPTIONAL_VIRTUAL_NMIS,
    OPTIONAL_WBINVD_EXITING,
    OPTIONAL_TRUE_CONTROLS,
    OPTIONAL_APICV,
    OPTIONAL_POSTED_INTERRUPTS,
    OPTIONAL_NOTIFY_WINDOW,
    OPTIONAL_PAUSE_EXIT, // AMD-V too
    // AMD-V
    OPTIONAL_NPT_1G,
    OPTIONAL_NRIPS,
    OPTIONAL_DECODE_ASSISTS,
    OPTIONAL_VMCB_CLEAN,
    OPTIONAL_FLUSH_BY_ASID,
    OPTIONAL_AVIC,
    OPTIONAL_VNMI,
    // What guests may have.
    OPTIONAL_RDTSCP,
    OPTIONAL_INVPCID,
    OPTIONAL_XSAVE,
    OPTIONAL_XSAVEC, // and XSAVES
    OPTIONAL_XSAVES,
    OPTIONAL_AVX,
    OPTIONAL_AVX512,
    OPTIONAL_PKU,
    // The host's CPUs.
    OPTIONAL_X2APIC,
    OPTIONAL_TSC_DEADLINE,
    OPTIONAL_TSC_ADJUST,
    OPTIONAL_SMEP,
    OPTIONAL_SMAP,
    OPTIONAL_UMIP,
    OPTIONAL_GLOBAL_PAGES,
    OPTIONAL_PAGES_1G,
    // The machine.
    OPTIONAL_ACPI,
    OPTIONAL_SMP,
    OPTIONAL_PM_TIMER,
    OPTIONAL_HPET,
    OPTIONAL_PIT,
    OPTIONAL_XHCI,
    OPTIONAL_COUNT
};

// A set of features has a bit for each.
static_assert(OPTIONAL_COUNT <= 64, "a set fits into uint64_t");
