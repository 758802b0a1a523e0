// SPDX-License-Identifier: MIT
// KVM's interface to its guests: what the guest has switched on by MSRs.
//
// Each MSR holds the address of a structure in the guest's RAM, which Husk fills. The address is
// checked when it is set and again at each write.
#pragma once

#include "vmm/util/types.h"

struct vcpu;

// The features in CPUID.
#define PARAVIRT_FEATURES                                                                          \
    ((uint32_t)(KVM_FEATURE_NOP_IO_DELAY | KVM_FEATURE_CLOCKSOURCE2 | KVM_FEATURE_STEAL_TIME |     \
                KVM_FEATURE_PV_UNHALT | KVM_FEATURE_PV_SEND_IPI | KVM_FEATURE_CLOCKSOURCE_STABLE))

// What a vCPU has.
struct paravirt {
    uint64_t wall_clock;  // MSR_KVM_WALL_CLOCK, as it was written
    uint64_t system_time; // MSR_KVM_SYSTEM_TIME
    uint64_t steal_time;  // MSR_KVM_STEAL_TIME
    uint64_t stolen_ns;   // its steal time since it was created
};

// RDMSR and WRMSR of KVM's MSRs. False: the guest does not have the MSR (pv=no), or the value is
// refused: a reserved bit is set, or the structure would not be in RAM.
bool paravirt_read_msr(const struct vcpu *vcpu, uint32_t msr, uint64_t *value);
bool paravirt_write_msr(struct vcpu *vcpu, uint32_t msr, uint64_t value);
// The vCPU gets an INIT: everything is switched off.
void paravirt_reset(struct vcpu *vcpu);
