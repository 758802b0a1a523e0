// SPDX-License-Identifier: MIT
// A vCPU's VMCS: made and given back.
#pragma once

#include "vmm/util/status.h"

struct vcpu_core;

enum status vmx_create_vcpu(struct vcpu_core *vcpu, struct reason *why);
void vmx_destroy_vcpu(struct vcpu_core *vcpu);
