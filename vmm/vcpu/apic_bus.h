// SPDX-License-Identifier: MIT
// The bus between the APICs of a VM.
#pragma once

struct apic_message;

struct vm;
struct vcpu;

// Carries a message to each local APIC that it is meant for, except that of `sender` (NULL: the
// message comes from an I/O APIC). A message with lowest-priority delivery goes to only one APIC:
// the one with the lowest processor priority. Equals take turns (SDM Vol. 3A 11.6.2.4).
void apic_bus_send(struct vm *vm, const struct vcpu *sender, const struct apic_message *message);
// The processor has already requested the interrupt in the APIC pages of all receivers, but it
// considers some receivers not running. Makes all receivers look at their pages.
void apic_bus_wake(struct vm *vm, const struct vcpu *sender, const struct apic_message *message);
