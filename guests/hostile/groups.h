// SPDX-License-Identifier: MIT
// The attempts by what they aim at.
#pragma once

#include "guests/hostile/attempt.h"

// In the order in which they run.
extern const struct attempt_group state_group;
extern const struct attempt_group memory_group;
extern const struct attempt_group ports_group;
extern const struct attempt_group devices_group;
extern const struct attempt_group msrs_group;
extern const struct attempt_group control_registers_group;
extern const struct attempt_group debug_registers_group;
extern const struct attempt_group virtualisation_group;
extern const struct attempt_group caches_group;
extern const struct attempt_group descriptors_group;
extern const struct attempt_group exceptions_group;
extern const struct attempt_group paging_group;
extern const struct attempt_group apic_page_group;
extern const struct attempt_group interrupts_group;
extern const struct attempt_group hypercalls_group;
extern const struct attempt_group user_group;
extern const struct attempt_group apic_registers_group;
extern const struct attempt_group apic_vectors_group;
extern const struct attempt_group apic_modes_group;
extern const struct attempt_group ioapic_group;
extern const struct attempt_group hpet_group;
extern const struct attempt_group device_ports_group;
extern const struct attempt_group paging_devices_group;
extern const struct attempt_group decoder_group;
extern const struct attempt_group transitions_group;

// Attempts that end or hang the VM. A word on the command line selects one. The expected outcomes
// are for a machine that survives.
extern const struct attempt_group fatal_group;

// Attempts that need several processors; the last group ends the VM.
extern const struct attempt_group storms_group;
extern const struct attempt_group races_group;
extern const struct attempt_group fatal_races_group;
extern const struct attempt_group virtio_rings_group;
extern const struct attempt_group virtio_requests_group;
extern const struct attempt_group virtio_registers_group;
extern const struct attempt_group virtio_balloon_group;
extern const struct attempt_group virtio_races_group;
extern const struct attempt_group virtio_balloon_races_group;
