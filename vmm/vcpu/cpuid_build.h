// SPDX-License-Identifier: MIT
// Makes a vCPU's table of CPUID.
#pragma once

#include "vmm/util/types.h"

struct cpuid_table;
struct host;

struct cpuid_identity {
    uint32_t apic_id;
    unsigned vcpus;
    unsigned features; // enum backend_feature
    bool paravirt;     // the guest has KVM's interface too
};

// Fills the table. To be called on the host CPU that the vCPU will run on.
void cpuid_table_build(struct cpuid_table *table, const struct host *host,
                       const struct cpuid_identity *identity);
