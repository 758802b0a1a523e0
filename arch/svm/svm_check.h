// SPDX-License-Identifier: MIT
// Which rule of APM Vol. 2 15.5.1 a VMCB breaks. The hardware says only that it breaks one.
#pragma once

#include "arch/x86/rule_check.h" // IWYU pragma: export
#include "vmm/util/types.h"

struct vmcb;

// What the rules about addresses depend on.
struct svm_limits {
    unsigned physical_bits;
};

// The first rule of "Canonicalization and Consistency Checks" that is broken, or of what 15.20
// and 15.25.4 add to them. False: the VMCB breaks none that Husk knows.
bool svm_check(const struct vmcb *vmcb, const struct svm_limits *limits,
               struct checked_rule *found);
