// SPDX-License-Identifier: MIT
// The instructions that exit, decoded from their bytes, for CPUs that do not save the next RIP.
#pragma once

#include "vmm/util/types.h"

#define SVM_INSTRUCTION_BYTES_MAX 15

struct svm_instruction {
    uint8_t length; // bytes, prefixes included
    bool moves_cr;  // MOV to or from a control register
    uint8_t gpr;    // the general register of that MOV, by its encoding
};

// Knows HLT, VMMCALL, XSETBV, CPUID, RDMSR, WRMSR, INVD, WBINVD and MOV CRn (APM Vol. 3), with any
// prefixes. False: it is another instruction, or `count` bytes are not all of it.
bool svm_decode_instruction(const uint8_t *bytes, unsigned count, bool is_64bit,
                            struct svm_instruction *instruction);
