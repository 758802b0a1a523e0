// SPDX-License-Identifier: MIT
// Flushes this CPU's cached translations of guests (SDM Vol. 3C 29.4.3).
#pragma once

#include "vmm/util/types.h"

struct vmx_capability;

// Guest-physical and combined mappings derived from this EPTP.
void vmx_flush_nested(const struct vmx_capability *capability, uint64_t eptp);
// Linear and combined mappings tagged with this VPID. Without VPIDs there is nothing to do.
void vmx_flush_vpid(const struct vmx_capability *capability, uint16_t vpid);
// All mappings of all guests.
void vmx_flush_everything(const struct vmx_capability *capability);
