// SPDX-License-Identifier: MIT
// Reads what this CPU's VT-x can do.
#pragma once

#include "vmm/util/status.h"

struct vmx_capability;

// Fails if this CPU cannot run guests; `why` names what it lacks.
enum status vmx_capability_read(struct vmx_capability *capability, struct reason *why);
