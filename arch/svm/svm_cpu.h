// SPDX-License-Identifier: MIT
// What each CPU keeps for AMD-V.
#pragma once

#include "arch/svm/svm.h"
#include "arch/svm/svm_tlb.h"

const struct svm_capability *svm_capability(void); // of all CPUs that run guests
// Of this CPU.
struct svm_asids *svm_asids(void);
uint64_t svm_host_vmcb(void); // physical address: what VMLOAD gives back to the host
