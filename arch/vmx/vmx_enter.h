// SPDX-License-Identifier: MIT
// VM entry and exit in assembly: vmx_enter.asm, and what it calls.
#pragma once

#include "vmm/util/types.h"

struct vcpu_core;

// Enters the guest and stays with it until vcpu->work is not 0 or vcpu->exits_left is 0 after an
// exit. False: the first entry failed.
bool vmx_enter(struct vcpu_core *vcpu, bool launched);
// Where each exit goes: HOST_RIP.
extern const char vmx_exit[];
