// SPDX-License-Identifier: MIT
// Interrupts and NMIs on their way into a guest.
#pragma once

#include "vmm/util/types.h"

struct vcpu;

// Whether an interrupt waits that the vCPU would take, were its interrupts on.
bool vcpu_interrupt_pending(const struct vcpu *vcpu);

// Before an entry, with the vCPU loaded: injects what can be delivered, and asks for an exit when
// the guest can take what is left.
void vcpu_deliver_events(struct vcpu *vcpu);
