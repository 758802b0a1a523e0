// SPDX-License-Identifier: MIT
// What a guest sees of CR0, CR4, CR8, EFER and XCR0.
#pragma once

#include "vmm/exit.h"
#include "vmm/util/types.h"

struct vcpu;

enum exit_action vcpu_control_register_exit(struct vcpu *vcpu,
                                            const struct exit_control_register *access);
enum exit_action vcpu_xsetbv_exit(struct vcpu *vcpu);

// WRMSR to EFER. Returns false for #GP.
bool vcpu_write_efer(struct vcpu *vcpu, uint64_t value);
