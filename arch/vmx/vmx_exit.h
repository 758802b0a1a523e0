// SPDX-License-Identifier: MIT
// A VM exit, from its reason to the next entry.
#pragma once

struct vcpu_core;

// vmx_enter.asm calls this after each exit. It then enters the guest again unless vcpu->work says
// otherwise.
void vmx_handle_exit(struct vcpu_core *vcpu);
