// SPDX-License-Identifier: MIT
// What the VT-x of all CPUs that run guests can do.
#pragma once

#include "vmm/util/status.h"

struct vmx_capability;

// Each CPU joins while it starts, one at a time. A CPU that cannot share VMs with the CPUs before
// it is refused, and `why` says in what it differs.
enum status vmx_capability_join(const struct vmx_capability *own, struct reason *why);
// What all CPUs that joined have in common.
const struct vmx_capability *vmx_capability(void);
