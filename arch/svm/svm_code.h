// SPDX-License-Identifier: MIT
// The instruction that exited, read from the guest's memory if the hardware says too little.
#pragma once

#include "vmm/exit.h"
#include "vmm/util/types.h"

struct svm_instruction;
struct vcpu_core;

// The RIP after the instruction at CS:RIP, which exited as `kind`.
uint64_t svm_code_next_rip(struct vcpu_core *vcpu, enum exit_kind kind);
// Decodes the instruction at CS:RIP. False: svm_decode_instruction does not know it, or it cannot
// be read.
bool svm_code_decode(struct vcpu_core *vcpu, struct svm_instruction *instruction);
// The paging mode changes: no remembered page holds.
void svm_code_forget(struct vcpu_core *vcpu);
