// SPDX-License-Identifier: MIT
// The SVM instructions, without VMRUN (APM Vol. 3 chapter 4).
#pragma once

#include "vmm/util/types.h"

// These two copy FS, GS, LDTR, TR with their hidden parts, the SYSCALL and SYSENTER MSRs and
// KernelGSBase between the CPU and the VMCB at this physical address.
static inline void svm_vmload(uint64_t vmcb)
{
    __asm__ volatile("vmload %0" : : "a"(vmcb) : "memory");
}

static inline void svm_vmsave(uint64_t vmcb)
{
    __asm__ volatile("vmsave %0" : : "a"(vmcb) : "memory");
}

// These two change the global interrupt flag. While it is clear, interrupts, NMIs, INIT and machine
// checks wait.
static inline void svm_stgi(void)
{
    __asm__ volatile("stgi" : : : "memory");
}

static inline void svm_clgi(void)
{
    __asm__ volatile("clgi" : : : "memory");
}
