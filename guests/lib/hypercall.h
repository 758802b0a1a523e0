// SPDX-License-Identifier: MIT
// Husk's hypercalls and how a guest finds that it runs under Husk.
#pragma once

#include "arch/x86/kvm_interface.h"
#include "guests/lib/cpu.h"

// rax: number, rbx, rcx: arguments; result in rax, everything else unchanged.
enum hypercall {
    HYPERCALL_VERSION = 0,  // HUSK_VERSION
    HYPERCALL_END = 1,      // ends the VM with status rbx
    HYPERCALL_CLOCK_NS = 2, // the VM's clock, nanoseconds
};

#define HUSK_VERSION 0x4b535548U // "HUSK"
#define HUSK_SIGNATURE "HuskHuskHusk"
#define HYPERCALL_UNKNOWN (-(uint64_t)KVM_ERROR_NOSYS)  // no such number
#define HYPERCALL_FORBIDDEN (-(uint64_t)KVM_ERROR_PERM) // the call came from CPL 1 to 3

// The instruction of Intel's CPUs.
static inline uint64_t hypercall_vmcall(uint64_t number, uint64_t first, uint64_t second)
{
    __asm__ volatile("vmcall" : "+a"(number) : "b"(first), "c"(second) : "memory");
    return number;
}

// The instruction of AMD's CPUs.
static inline uint64_t hypercall_vmmcall(uint64_t number, uint64_t first, uint64_t second)
{
    __asm__ volatile("vmmcall" : "+a"(number) : "b"(first), "c"(second) : "memory");
    return number;
}

// True if Husk runs this guest. Only then are the calls below allowed.
bool husk_present(void);

// True if the CPU is AMD's or Hygon's, whose hypercall is VMMCALL.
bool cpu_is_amd(void);

uint64_t hypercall(uint64_t number, uint64_t first, uint64_t second);
