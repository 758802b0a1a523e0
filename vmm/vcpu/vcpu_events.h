// SPDX-License-Identifier: MIT
// Interrupts and NMIs on their way into a guest.
#pragma once

#include "vmm/util/types.h"

struct vcpu;

// Whether an interrupt is pending that the vCPU would take if its interrupts were on.
bool vcpu_interrupt_pending(const struct vcpu *vcpu);

// Before an entry, with the vCPU loaded: injects the events that can be delivered, and asks for an
// exit as soon as the guest can take the rest.
void vcpu_deliver_events(struct vcpu *vcpu);
