// SPDX-License-Identifier: MIT
// The host state of a VMCS: what each exit loads.
#pragma once

struct vcpu_core;

// The VMCS is current on this CPU for the first time, or again after another CPU had it.
void vmx_place_vcpu(struct vcpu_core *vcpu);
