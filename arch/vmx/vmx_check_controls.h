// SPDX-License-Identifier: MIT
// The rules about the control fields of a VMCS.
#pragma once

#include "vmm/util/types.h"

struct checked_rule;
struct vmx_limits;

// The first broken rule of SDM Vol. 3C 27.2.1 in the current VMCS. False: there is none.
bool vmx_check_controls(const struct vmx_limits *limits, struct checked_rule *found);
