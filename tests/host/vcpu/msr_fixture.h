// SPDX-License-Identifier: MIT
// RDMSR and WRMSR by the vCPU of the fake machine.
#pragma once

#include "vmm/util/types.h"

// True: the access did not fault, and nothing of the registers was spoilt. False: it got #GP.
bool msr_reads(uint32_t msr, uint64_t *value);
bool msr_writes(uint32_t msr, uint64_t value);
// What the MSR reads as. Fails the test if the read faults.
uint64_t msr_value(uint32_t msr);
// Makes the guest's CPU one of AMD's, of that family (10H or later), or its first one, 0FH.
void msr_make_amd(unsigned family);
