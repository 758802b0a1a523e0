// SPDX-License-Identifier: MIT
// What a guest's CPUID says: the host's answers, masked, in a table that is made once for each
// vCPU.
#pragma once

#include "vmm/host.h"
#include "vmm/util/types.h"

#define CPUID_BASIC_LEAVES 0x17 // 0 to 16H, whatever the host has
#define CPUID_HYPERVISOR_LEAVES 4
#define CPUID_EXTENDED_LEAVES 0x09
#define CPUID_SUBLEAVES 32

struct cpuid_leaf {
    struct cpuid_registers registers;
    bool has_subleaves;
};

struct cpuid_subleaf {
    uint32_t leaf;
    uint32_t subleaf;
    struct cpuid_registers registers;
};

struct cpuid_hypervisor_leaf {
    uint32_t leaf;
    struct cpuid_registers registers;
};

struct cpuid_table {
    uint32_t extended_max;
    struct cpuid_leaf basic[CPUID_BASIC_LEAVES];
    struct cpuid_leaf extended[CPUID_EXTENDED_LEAVES];
    unsigned hypervisor_count;
    struct cpuid_hypervisor_leaf hypervisor[CPUID_HYPERVISOR_LEAVES];
    unsigned subleaf_count;
    struct cpuid_subleaf subleaves[CPUID_SUBLEAVES];
    uint64_t xcr0_mask; // state components that XSETBV may switch on
};

// The answer to CPUID with EAX = leaf and ECX = subleaf. A leaf beyond the last one gets the answer
// of the last basic leaf (SDM Vol. 2A, CPUID), on AMD zeros. No CPU has the hypervisors' leaves:
// those that Husk does not have are zero.
struct cpuid_registers cpuid_table_find(const struct cpuid_table *table, uint32_t leaf,
                                        uint32_t subleaf);

// The same for the leaves that guests read often: basic leaves without subleaves. NULL for all
// others.
static inline const struct cpuid_registers *cpuid_table_plain(const struct cpuid_table *table,
                                                              uint32_t leaf)
{
    bool plain = leaf < CPUID_BASIC_LEAVES && !table->basic[leaf].has_subleaves;
    return plain ? &table->basic[leaf].registers : NULL;
}

#define XSAVE_LEGACY_BYTES 576 // the legacy area and the header (SDM Vol. 1 13.4)

// Updates the parts of the answers that depend on CR4 (OSXSAVE, OSPKE), on XCR0 (the size of the
// XSAVE area), and on whether IA32_APIC_BASE enables the local APIC (SDM Vol. 3A 11.4.3).
void cpuid_table_set_cr4(struct cpuid_table *table, uint64_t cr4);
void cpuid_table_set_xcr0(struct cpuid_table *table, uint64_t xcr0);
void cpuid_table_set_apic(struct cpuid_table *table, bool enabled);

// The bits of CR4 and EFER that a guest with this CPUID may set.
uint64_t cpuid_table_cr4_allowed(const struct cpuid_table *table);
uint64_t cpuid_table_efer_allowed(const struct cpuid_table *table);
// Whether the vendor is AMD, or Hygon, which builds CPUs of AMD's design.
bool cpuid_table_is_amd(const struct cpuid_table *table);
// Whether the guest has XSAVES, and with it the MSR IA32_XSS.
bool cpuid_table_has_xss(const struct cpuid_table *table);
unsigned cpuid_table_physical_bits(const struct cpuid_table *table);
