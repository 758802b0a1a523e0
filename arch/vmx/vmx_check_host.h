// SPDX-License-Identifier: MIT
// The rules about the host state of a VMCS.
#pragma once

#include "vmm/util/types.h"

struct checked_rule;
struct vmx_limits;

// The first broken rule of SDM Vol. 3C 27.2.2 to 27.2.4 in the current VMCS. False: there is none.
bool vmx_check_host(const struct vmx_limits *limits, struct checked_rule *found);
