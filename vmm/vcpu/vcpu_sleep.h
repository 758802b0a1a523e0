// SPDX-License-Identifier: MIT
// vCPUs that do not run: halted, or waiting for a SIPI.
#pragma once

#include "vmm/exit.h"
#include "vmm/util/types.h"

struct vcpu;

enum exit_action vcpu_halt_exit(struct vcpu *vcpu);

// Begins a sleep that interrupts do not end. Returns false if no vCPU of the VM can ever run again.
MUST_CHECK bool vcpu_fall_asleep(struct vcpu *vcpu);
// Ends the sleep.
void vcpu_stir(struct vcpu *vcpu);

// For a vCPU that is halted or waits for a SIPI, on its own CPU: the least urgency (enum
// scheduler_urgency) of what can wake it.
unsigned vcpu_sleep_urgency(const struct vcpu *vcpu);
// Whether something that may wake it has come since its last look.
bool vcpu_has_waking_mail(const struct vcpu *vcpu);
