// SPDX-License-Identifier: MIT
// The rules about the guest's segments and descriptor tables in a VMCS.
#pragma once

#include "vmm/util/types.h"

struct checked_rule;
struct vmx_limits;

// The first broken rule of SDM Vol. 3C 27.3.1.2 and 27.3.1.3 in the current VMCS. False: there is
// none.
bool vmx_check_segments(const struct vmx_limits *limits, struct checked_rule *found);
