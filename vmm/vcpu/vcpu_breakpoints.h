// SPDX-License-Identifier: MIT
// The guest's breakpoints on accesses that Husk carries out.
#pragma once

#include "vmm/exit.h"
#include "vmm/util/types.h"

struct breakpoints;
struct vcpu;

// The guest is about to access a debug register: from now on vcpu->uses_breakpoints is set.
enum exit_action vcpu_debug_register_exit(struct vcpu *vcpu);

// Reads the guest's debug registers. False: no breakpoint is switched on. Then it ends
// vcpu->uses_breakpoints.
MUST_CHECK bool vcpu_breakpoints_read(struct vcpu *vcpu, struct breakpoints *breakpoints);

// With vcpu->uses_breakpoints, after an IN or an OUT, and before the guest goes on behind it.
void vcpu_breakpoints_at_port(struct vcpu *vcpu, const struct exit_io *io);
