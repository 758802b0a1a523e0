// SPDX-License-Identifier: MIT
// The bus between the APICs of a VM.
#pragma once

#include "vmm/devices/apic_message.h"

struct vm;
struct vcpu;

// Carries a message to each local APIC that it is meant for, but not to `sender`'s (NULL: it comes
// from an I/O APIC). One with lowest priority goes to the one whose vCPU is the least busy by its
// processor priority, those alike take turns (SDM Vol. 3A 11.6.2.4).
void apic_bus_send(struct vm *vm, const struct vcpu *sender, const struct apic_message *message);
// The processor that `sender` runs on has requested it by itself in the pages of all receivers, and
// takes some of them for not running: has all of them look there.
void apic_bus_wake(struct vm *vm, const struct vcpu *sender, const struct apic_message *message);
