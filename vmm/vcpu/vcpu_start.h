// SPDX-License-Identifier: MIT
// The state in which a vCPU starts.
#pragma once

#include "vmm/util/types.h"

struct load_result;
struct vcpu;

// All with the vCPU loaded, but for vcpu_init_received and vcpu_startup, which load it.

// Registers, segments and mode of a CPU that starts as the loader says.
void vcpu_start_at(struct vcpu *vcpu, const struct load_result *start);
// The same of one that waits for INIT and SIPI.
void vcpu_start_waiting(struct vcpu *vcpu);
// An INIT, and a SIPI, which starts a vCPU that waits for one at page `vector`.
void vcpu_init_received(struct vcpu *vcpu);
void vcpu_startup(struct vcpu *vcpu, uint8_t vector);
