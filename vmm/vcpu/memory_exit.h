// SPDX-License-Identifier: MIT
// Exits that Husk handles by emulating the instruction.
#pragma once

#include "vmm/exit.h"

struct vcpu;

// An access outside RAM.
enum exit_action vcpu_memory_exit(struct vcpu *vcpu, struct vm_exit *exit);
// INS and OUTS.
enum exit_action vcpu_string_io_exit(struct vcpu *vcpu, struct vm_exit *exit);
// LMSW, SMSW and CLTS.
enum exit_action vcpu_status_word_exit(struct vcpu *vcpu, struct vm_exit *exit);
