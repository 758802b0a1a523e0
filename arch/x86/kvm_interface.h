// SPDX-License-Identifier: MIT
// KVM's interface to its guests, as Linux documents it (Documentation/virt/kvm/x86: cpuid, msr,
// hypercalls). Constants and formats only.
#pragma once

#include "vmm/util/types.h"

// CPUID. The signature is in EBX, ECX, EDX of the first leaf, the features in EAX of the second.
#define CPUID_KVM 0x40000100u
#define CPUID_KVM_FEATURES 0x40000101u
#define KVM_SIGNATURE "KVMKVMKVM\0\0\0"

#define KVM_FEATURE_NOP_IO_DELAY BIT(1) // ports need no delay between accesses
#define KVM_FEATURE_CLOCKSOURCE2 BIT(3)
#define KVM_FEATURE_STEAL_TIME BIT(5)
#define KVM_FEATURE_PV_UNHALT BIT(7)
#define KVM_FEATURE_PV_SEND_IPI BIT(11)
#define KVM_FEATURE_CLOCKSOURCE_STABLE BIT(24)

// MSRs: each takes the guest-physical address of a structure, and most of them an enable bit.
#define MSR_KVM_WALL_CLOCK 0x4b564d00u
#define MSR_KVM_SYSTEM_TIME 0x4b564d01u
#define MSR_KVM_STEAL_TIME 0x4b564d03u
#define MSR_KVM_ENABLE BIT(0)
#define MSR_KVM_STEAL_TIME_RESERVED 0x3eULL // bits 1 to 5

// In all structures `version` is odd while the others change.

// When the VM's clock read 0, since 1970-01-01 00:00:00 UTC.
struct kvm_wall_clock {
    uint32_t version;
    uint32_t seconds;
    uint32_t nanoseconds;
};
static_assert(sizeof(struct kvm_wall_clock) == 12, "KVM's format");

// The VM's clock in ns:
//     system_time + (((tsc - tsc_timestamp) * 2^tsc_shift) * tsc_to_system_mul >> 32)
struct kvm_system_time {
    uint32_t version;
    uint32_t reserved;
    uint64_t tsc_timestamp;
    uint64_t system_time;
    uint32_t tsc_to_system_mul;
    int8_t tsc_shift;
    uint8_t flags;
    uint8_t reserved_too[2];
};
static_assert(sizeof(struct kvm_system_time) == 32, "KVM's format");

#define KVM_SYSTEM_TIME_STABLE BIT(0) // all vCPUs have the same clock: reads need not be ordered

struct kvm_steal_time {
    uint64_t steal; // ns for which the vCPU wanted to run and did not
    uint32_t version;
    uint32_t flags;
    uint8_t preempted;
    uint8_t reserved[47];
};
static_assert(sizeof(struct kvm_steal_time) == 64, "KVM's format");

#define KVM_STEAL_TIME_PREEMPTED BIT(0) // the vCPU wants to run and does not

// Hypercalls: number in RAX, arguments in RBX, RCX, RDX, RSI, result in RAX.
#define KVM_HC_KICK_CPU 5  // RCX: the APIC ID of a vCPU, whose HLT ends
#define KVM_HC_SEND_IPI 10 // RBX, RCX: a set of APIC IDs; RDX: that of bit 0; RSI: as in the ICR
#define KVM_ERROR_PERM 1   // errors are negative results
#define KVM_ERROR_INVAL 22
#define KVM_ERROR_NOSYS 1000
