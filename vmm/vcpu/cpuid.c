// SPDX-License-Identifier: MIT
// What a guest's CPUID answers, and what follows from it.
#include "vmm/vcpu/cpuid.h"

#include "arch/x86/registers.h"

static struct cpuid_registers *find_subleaf(struct cpuid_table *table, uint32_t leaf,
                                            uint32_t subleaf)
{
    for (unsigned i = 0; i < table->subleaf_count; i++) {
        if (table->subleaves[i].leaf == leaf && table->subleaves[i].subleaf == subleaf) {
            return &table->subleaves[i].registers;
        }
    }
    return NULL;
}

// A level of the topology that does not exist still names the processor (SDM Vol. 2A, CPUID leaf
// 0BH): ECX[7:0] is that of the question, EDX the x2APIC ID.
static struct cpuid_registers no_subleaf(const struct cpuid_table *table, uint32_t leaf,
                                         uint32_t subleaf)
{
    if (leaf != CPUID_TOPOLOGY) {
        return (struct cpuid_registers){0};
    }
    uint32_t apic_id = cpuid_table_find(table, CPUID_TOPOLOGY, 0).edx;
    return (struct cpuid_registers){0, 0, subleaf & 0xff, apic_id};
}

static struct cpuid_registers basic_leaf(const struct cpuid_table *table, uint32_t leaf,
                                         uint32_t subleaf)
{
    if (!table->basic[leaf].has_subleaves) {
        return table->basic[leaf].registers;
    }
    for (unsigned i = 0; i < table->subleaf_count; i++) {
        if (table->subleaves[i].leaf == leaf && table->subleaves[i].subleaf == subleaf) {
            return table->subleaves[i].registers;
        }
    }
    return no_subleaf(table, leaf, subleaf);
}

static bool is_hypervisors(uint32_t leaf)
{
    return leaf >> 28 == CPUID_HYPERVISOR >> 28;
}

static struct cpuid_registers hypervisor_leaf(const struct cpuid_table *table, uint32_t leaf)
{
    for (unsigned i = 0; i < table->hypervisor_count; i++) {
        if (table->hypervisor[i].leaf == leaf) {
            return table->hypervisor[i].registers;
        }
    }
    return (struct cpuid_registers){0};
}

struct cpuid_registers cpuid_table_find(const struct cpuid_table *table, uint32_t leaf,
                                        uint32_t subleaf)
{
    if (leaf <= (CPUID_BASIC_LEAVES - 1)) {
        return basic_leaf(table, leaf, subleaf);
    }
    if (leaf - CPUID_EXTENDED <= table->extended_max - CPUID_EXTENDED) {
        return table->extended[leaf - CPUID_EXTENDED].registers;
    }
    if (is_hypervisors(leaf)) {
        return hypervisor_leaf(table, leaf);
    }
    if (cpuid_table_is_amd(table)) {
        return (struct cpuid_registers){0};
    }
    return basic_leaf(table, (CPUID_BASIC_LEAVES - 1), subleaf);
}

static void set_bit(uint32_t *word, uint64_t bit, bool value)
{
    *word = value ? *word | (uint32_t)bit : *word & ~(uint32_t)bit;
}

void cpuid_table_set_cr4(struct cpuid_table *table, uint64_t cr4)
{
    set_bit(&table->basic[1].registers.ecx, CPUID_1_ECX_OSXSAVE, cr4 & CR4_OSXSAVE);
    struct cpuid_registers *leaf7 = find_subleaf(table, 7, 0);
    if (leaf7) {
        set_bit(&leaf7->ecx, CPUID_7_ECX_OSPKE, cr4 & CR4_PKE);
    }
}

void cpuid_table_set_xcr0(struct cpuid_table *table, uint64_t xcr0)
{
    uint32_t bytes = XSAVE_LEGACY_BYTES;
    uint32_t compacted = XSAVE_LEGACY_BYTES;
    for (unsigned i = 0; i < table->subleaf_count; i++) {
        const struct cpuid_subleaf *component = &table->subleaves[i];
        if (component->leaf == 0xd && component->subleaf >= 2 && (xcr0 & BIT(component->subleaf))) {
            bytes = MAX(bytes, component->registers.eax + component->registers.ebx);
            if (component->registers.ecx & BIT(1)) {
                compacted = (uint32_t)ALIGN_UP(compacted, 64);
            }
            compacted += component->registers.eax;
        }
    }
    struct cpuid_registers *standard_size = find_subleaf(table, 0xd, 0);
    struct cpuid_registers *compacted_size = find_subleaf(table, 0xd, 1);
    if (standard_size && compacted_size) {
        standard_size->ebx = bytes;
        compacted_size->ebx = compacted;
    }
}

// AMD repeats the bit in the extended leaf (APM Vol. 3 E.4.2).
void cpuid_table_set_apic(struct cpuid_table *table, bool enabled)
{
    set_bit(&table->basic[1].registers.edx, CPUID_1_EDX_APIC, enabled);
    if (cpuid_table_is_amd(table)) {
        set_bit(&table->extended[1].registers.edx, CPUID_1_EDX_APIC, enabled);
    }
}

uint64_t cpuid_table_cr4_allowed(const struct cpuid_table *table)
{
    struct cpuid_registers leaf1 = cpuid_table_find(table, 1, 0);
    struct cpuid_registers leaf7 = cpuid_table_find(table, 7, 0);
    const struct {
        bool present;
        uint64_t bits;
    } features[] = {
        {leaf1.edx & CPUID_1_EDX_VME, CR4_VME | CR4_PVI},
        {leaf1.ecx & CPUID_1_ECX_PCID, CR4_PCIDE},
        {leaf1.ecx & CPUID_1_ECX_XSAVE, CR4_OSXSAVE},
        {leaf7.ebx & CPUID_7_EBX_FSGSBASE, CR4_FSGSBASE},
        {leaf7.ebx & CPUID_7_EBX_SMEP, CR4_SMEP},
        {leaf7.ebx & CPUID_7_EBX_SMAP, CR4_SMAP},
        {leaf7.ecx & CPUID_7_ECX_UMIP, CR4_UMIP},
        {leaf7.ecx & CPUID_7_ECX_PKU, CR4_PKE},
    };
    uint64_t allowed = CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | CR4_PCE |
                       CR4_OSFXSR | CR4_OSXMMEXCPT;
    for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
        allowed |= features[i].present ? features[i].bits : 0;
    }
    return allowed;
}

#define VENDOR_EBX_AMD 0x68747541U   // "Auth"
#define VENDOR_EBX_HYGON 0x6f677948U // "Hygo"

bool cpuid_table_is_amd(const struct cpuid_table *table)
{
    uint32_t vendor = cpuid_table_find(table, 0, 0).ebx;
    return vendor == VENDOR_EBX_AMD || vendor == VENDOR_EBX_HYGON;
}

bool cpuid_table_has_xss(const struct cpuid_table *table)
{
    return cpuid_table_find(table, 0xd, 1).eax & CPUID_D_1_EAX_XSAVES;
}

uint64_t cpuid_table_efer_allowed(const struct cpuid_table *table)
{
    uint32_t edx = cpuid_table_find(table, CPUID_EXTENDED + 1, 0).edx;
    return (edx & CPUID_80000001_EDX_SYSCALL ? EFER_SCE : 0) |
           (edx & CPUID_80000001_EDX_LONG_MODE ? EFER_LME | EFER_LMA : 0) |
           (edx & CPUID_80000001_EDX_NX ? EFER_NXE : 0) |
           (edx & CPUID_80000001_EDX_FFXSR ? EFER_FFXSR : 0);
}

unsigned cpuid_table_physical_bits(const struct cpuid_table *table)
{
    uint32_t bits = table->extended[8].registers.eax & 0xff; // 0: the host does not have the leaf
    return bits ? bits : 36;
}
