// SPDX-License-Identifier: MIT
// When a timer of a vCPU or of its VM's devices is due.
#pragma once

#include "vmm/util/types.h"

struct vcpu;

// Bring the timer of the vCPU's local APIC up to now, the devices of the VM, or both. The first
// vCPU keeps the devices; for the others vcpu_advance_devices does nothing. Only it gives a turn to
// virtio devices, which takes long.
void vcpu_advance_lapic(struct vcpu *vcpu);
void vcpu_advance_devices(struct vcpu *vcpu);
void vcpu_advance_timers(struct vcpu *vcpu);
// Whether virtio devices wait for a turn by this vCPU.
bool vcpu_devices_wait(const struct vcpu *vcpu);

// The timer of the vCPU's local APIC is now due at `due_ns` of the VM's clock. This makes vcpu_run
// look again only if that is earlier than the time it waits for. If a timer was put off, vcpu_run
// looks at the earlier time and finds nothing due.
void vcpu_timer_set(struct vcpu *vcpu, uint64_t due_ns);
// The same for a device of the VM. `vcpu` is the first one, which keeps the devices' timers. Can be
// called on the CPU of any vCPU.
void vcpu_device_timer_set(struct vcpu *vcpu, uint64_t due_ns);

// The host time at which the timer of the local APIC, or the first of the devices' timers that the
// vCPU keeps, interrupts; NEVER_NS if none does. Masked timers do not count.
uint64_t vcpu_lapic_event_ns(const struct vcpu *vcpu);
uint64_t vcpu_devices_event_ns(const struct vcpu *vcpu);
// The first of all these for a vCPU that does not run: when a timer may wake it or change something
// for another vCPU. Before the vCPU runs again, vcpu_advance_timers must be called.
uint64_t vcpu_wake_event_ns(struct vcpu *vcpu);
