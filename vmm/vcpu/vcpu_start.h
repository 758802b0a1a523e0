// SPDX-License-Identifier: MIT
// The state in which a vCPU starts.
#pragma once

#include "vmm/util/types.h"

struct load_result;
struct vcpu;

// vcpu_start_at and vcpu_start_waiting need the vCPU loaded, the other two load it.

// Sets registers, segments and mode to those that the loader asks for.
void vcpu_start_at(struct vcpu *vcpu, const struct load_result *start);
// Sets those of a vCPU that waits for INIT and SIPI.
void vcpu_start_waiting(struct vcpu *vcpu);
// Carry out an INIT and a SIPI. The SIPI starts a vCPU that waits for one, at page `vector`.
void vcpu_init_received(struct vcpu *vcpu);
void vcpu_startup(struct vcpu *vcpu, uint8_t vector);
