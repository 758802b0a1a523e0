// SPDX-License-Identifier: MIT
// The instruction that exited, read from the guest's memory where the hardware says too little.
#pragma once

#include "vmm/exit.h"
#include "vmm/util/types.h"

struct svm_instruction;
struct vcpu_core;

// RIP behind the instruction at CS:RIP, which exited as `kind`.
uint64_t svm_code_next_rip(struct vcpu_core *vcpu, enum exit_kind kind);
// All of it. False: it is not one that svm_decode_instruction knows, or cannot be read.
bool svm_code_decode(struct vcpu_core *vcpu, struct svm_instruction *instruction);
// The paging mode changes: nothing remembered holds.
void svm_code_forget(struct vcpu_core *vcpu);
