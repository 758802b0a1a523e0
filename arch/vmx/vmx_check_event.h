// SPDX-License-Identifier: MIT
// The rules about the event that a VM entry injects.
#pragma once

#include "vmm/util/types.h"

struct checked_rule;
struct vmx_limits;

// The first broken rule of SDM Vol. 3C 27.2.1.3 about event injection. False: there is none.
bool vmx_check_event(const struct vmx_limits *limits, struct checked_rule *found);
