// SPDX-License-Identifier: MIT
// When a timer of a vCPU or of its VM's devices is due.
#pragma once

#include "vmm/util/types.h"

struct vcpu;

// Brings the vCPU's timers up to now, the first vCPU also its VM's devices.
void vcpu_advance_timers(struct vcpu *vcpu);

// The timer of the vCPU's local APIC now is due at `due_ns` of the VM's clock. vcpu_run is asked to
// look again only if that is earlier than what it waits for; it then finds nothing due where a
// timer was put off.
void vcpu_timer_set(struct vcpu *vcpu, uint64_t due_ns);
// The same for a device of the VM, whose timers the first vCPU keeps; from the CPU of any vCPU.
void vcpu_device_timer_set(struct vcpu *vcpu, uint64_t due_ns);

// The host time at which one of them is due next; NEVER_NS.
uint64_t vcpu_next_event_ns(const struct vcpu *vcpu);
