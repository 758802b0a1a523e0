// SPDX-License-Identifier: MIT
// Exits of a guest's local APIC, as a fuzzer's input says.
#pragma once

#include "tests/host/vm/random_input.h"
#include "vmm/backend.h"

// A write to a register: as an exit of a processor that serves the APIC, or of one that does not.
struct vm_exit random_apic_exit(struct vcpu_core *core, struct random_input *input);
// A processor that serves the APIC reports the end of an interrupt, or an IPI that it has sent to
// all other vCPUs. EXIT_NOTHING if it cannot be.
struct vm_exit random_eoi_exit(struct vcpu_core *core, struct random_input *input);
struct vm_exit random_sent_ipi_exit(struct vcpu_core *core, struct random_input *input);

// The exit of a MOV that writes 32 bits to `address`.
struct vm_exit random_guest_store(struct vcpu_core *core, uint64_t address, uint32_t value);
