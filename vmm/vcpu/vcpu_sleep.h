// SPDX-License-Identifier: MIT
// vCPUs that do not run: halted, or waiting for a SIPI.
#pragma once

#include "vmm/exit.h"
#include "vmm/util/types.h"

struct vcpu;

enum exit_action vcpu_halt_exit(struct vcpu *vcpu);

// Begins a sleep that interrupts do not end. False: no vCPU of the VM will ever run again.
MUST_CHECK bool vcpu_fall_asleep(struct vcpu *vcpu);
// Ends it.
void vcpu_stir(struct vcpu *vcpu);
