// SPDX-License-Identifier: MIT
// The rules about the guest state of a VMCS, but for its segments.
#pragma once

#include "vmm/util/types.h"

struct checked_rule;
struct vmx_limits;

// The first broken rule of SDM Vol. 3C 27.3.1.1, 27.3.1.4, 27.3.1.5 and 27.3.1.6 in the current
// VMCS. False: there is none.
bool vmx_check_guest(const struct vmx_limits *limits, struct checked_rule *found);
