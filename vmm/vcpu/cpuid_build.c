// SPDX-License-Identifier: MIT
// Builds the table of a guest's CPUID: each leaf is passed on, masked, or made up.
#include "vmm/vcpu/cpuid_build.h"

#include "arch/x86/kvm_interface.h"
#include "arch/x86/registers.h"
#include "vmm/backend.h"
#include "vmm/devices/lapic_timer.h"
#include "vmm/host.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/cpuid.h"
#include "vmm/vcpu/paravirt.h"

// Leaf 1, ECX: SSE3, PCLMULQDQ, SSSE3, FMA, CMPXCHG16B, SSE4.1, SSE4.2, MOVBE, POPCNT, AES, XSAVE,
// AVX, F16C, RDRAND. Not passed: MONITOR, VMX, SMX, PDCM (performance), DTES64 (debug store).
#define LEAF1_ECX_PASSED                                                                           \
    (BIT(0) | BIT(1) | BIT(9) | BIT(12) | BIT(13) | BIT(19) | BIT(20) | BIT(22) | BIT(23) |        \
     BIT(25) | BIT(26) | BIT(28) | BIT(29) | BIT(30))
#define LEAF1_ECX_AVX_FAMILY (CPUID_1_ECX_FMA | CPUID_1_ECX_AVX | CPUID_1_ECX_F16C)
// EDX: all features of a PC except PSN, debug store, ACPI thermal, HTT, TM, PBE.
#define LEAF1_EDX_PASSED 0x0f8bfbffU
// Leaf 7, EBX: FSGSBASE, BMI1, AVX2, SMEP, BMI2, ERMS, RDSEED, ADX, SMAP, CLFLUSHOPT, CLWB, SHA.
#define LEAF7_EBX_PASSED                                                                           \
    (BIT(0) | BIT(3) | BIT(5) | BIT(7) | BIT(8) | BIT(9) | BIT(18) | BIT(19) | BIT(20) | BIT(23) | \
     BIT(24) | BIT(29))
#define LEAF7_EBX_AVX512 (BIT(16) | BIT(17) | BIT(21) | BIT(28) | BIT(30) | BIT(31))
// ECX: UMIP, GFNI, VAES, VPCLMULQDQ.
#define LEAF7_ECX_PASSED (BIT(2) | BIT(8) | BIT(9) | BIT(10))
#define LEAF7_ECX_AVX_FAMILY (BIT(9) | BIT(10))
#define LEAF7_ECX_AVX512 (BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14))
// EDX: FSRM; the AVX-512 extensions.
#define LEAF7_EDX_PASSED BIT(4)
#define LEAF7_EDX_AVX512 (BIT(2) | BIT(3) | BIT(8))
// Leaf D, subleaf 1, EAX: XSAVEOPT, XSAVEC, XGETBV with ECX = 1.
#define LEAFD_1_EAX_PASSED (BIT(0) | BIT(1) | BIT(2))
// Extended leaf 1, ECX: LAHF, ABM, SSE4A, misaligned SSE, PREFETCHW.
#define EXTENDED1_ECX_PASSED (BIT(0) | BIT(5) | BIT(6) | BIT(7) | BIT(8))
// EDX: the features that AMD repeats from leaf 1, SYSCALL, NX, MMX extensions, FFXSR, 1 GiB pages,
// long mode, 3DNow.
#define EXTENDED1_EDX_PASSED 0xe6d3fbffU

static void add_subleaf(struct cpuid_table *table, uint32_t leaf, uint32_t subleaf,
                        struct cpuid_registers registers)
{
    if (table->subleaf_count < CPUID_SUBLEAVES) {
        table->subleaves[table->subleaf_count++] =
            (struct cpuid_subleaf){.leaf = leaf, .subleaf = subleaf, .registers = registers};
    }
    table->basic[leaf].has_subleaves = true;
}

static void build_leaf1(struct cpuid_table *table, const struct cpuid_identity *identity)
{
    struct cpuid_registers *leaf = &table->basic[1].registers;
    uint32_t ecx = leaf->ecx & (uint32_t)LEAF1_ECX_PASSED;
    if (identity->features & FEATURE_INVPCID) {
        ecx |= leaf->ecx & (uint32_t)CPUID_1_ECX_PCID;
    }
    if (!table->xcr0_mask) {
        ecx &= ~(uint32_t)CPUID_1_ECX_XSAVE;
    }
    if (!(table->xcr0_mask & XCR0_AVX)) {
        ecx &= ~(uint32_t)LEAF1_ECX_AVX_FAMILY;
    }
    leaf->ecx =
        ecx | (uint32_t)(CPUID_1_ECX_X2APIC | CPUID_1_ECX_TSC_DEADLINE | CPUID_1_ECX_HYPERVISOR);
    leaf->edx &= LEAF1_EDX_PASSED;
    leaf->ebx = (leaf->ebx & 0xff00U) | identity->vcpus << 16 | identity->apic_id << 24;
}

// The caches are passed on. The numbers of threads and cores that share them are cleared: they are
// the host's.
static void build_leaf4(struct cpuid_table *table, const struct host *host)
{
    for (uint32_t subleaf = 0; subleaf < 8; subleaf++) {
        struct cpuid_registers registers = host->cpuid(4, subleaf);
        registers.eax &= 0x3fffU;
        add_subleaf(table, 4, subleaf, registers);
        if ((registers.eax & 0x1f) == 0) {
            break;
        }
    }
}

static void build_leaf7(struct cpuid_table *table, const struct cpuid_identity *identity)
{
    struct cpuid_registers *leaf = &table->basic[7].registers;
    bool avx = table->xcr0_mask & XCR0_AVX;
    bool avx512 = (table->xcr0_mask & XCR0_AVX512) == XCR0_AVX512;
    uint32_t ebx = (uint32_t)(LEAF7_EBX_PASSED | (avx512 ? LEAF7_EBX_AVX512 : 0));
    uint32_t ecx = (uint32_t)(LEAF7_ECX_PASSED | (avx512 ? LEAF7_ECX_AVX512 : 0));
    if (!avx) {
        ebx &= ~(uint32_t)CPUID_7_EBX_AVX2;
        ecx &= ~(uint32_t)LEAF7_ECX_AVX_FAMILY;
    }
    if (identity->features & FEATURE_INVPCID) {
        ebx |= (uint32_t)CPUID_7_EBX_INVPCID;
    }
    if (identity->features & FEATURE_RDTSCP) {
        ecx |= (uint32_t)CPUID_7_ECX_RDPID;
    }
    if (table->xcr0_mask & XCR0_PKRU) {
        ecx |= (uint32_t)CPUID_7_ECX_PKU;
    }
    uint32_t edx = (uint32_t)(LEAF7_EDX_PASSED | (avx512 ? LEAF7_EDX_AVX512 : 0));
    *leaf = (struct cpuid_registers){0, leaf->ebx & ebx, leaf->ecx & ecx, leaf->edx & edx};
    add_subleaf(table, 7, 0, *leaf);
}

// Each vCPU is a core with one thread (SDM Vol. 2A, leaf 0BH).
static void build_topology(struct cpuid_table *table, const struct cpuid_identity *identity)
{
    uint32_t core_bits = 0;
    while ((1U << core_bits) < identity->vcpus) {
        core_bits++;
    }
    add_subleaf(table, 0xb, 0,
                (struct cpuid_registers){0, 1, 0 | 1U << 8, identity->apic_id}); // threads
    add_subleaf(table, 0xb, 1,
                (struct cpuid_registers){core_bits, identity->vcpus, 1 | 2U << 8,
                                         identity->apic_id}); // cores
    add_subleaf(table, 0xb, 2, (struct cpuid_registers){0, 0, 2, identity->apic_id});
}

static void build_xsave(struct cpuid_table *table, const struct host *host,
                        const struct cpuid_identity *identity)
{
    if (!table->xcr0_mask) {
        return;
    }
    uint32_t bytes = XSAVE_LEGACY_BYTES;
    for (uint32_t component = 2; component < 63; component++) {
        if (table->xcr0_mask & BIT(component)) {
            struct cpuid_registers size_offset = host->cpuid(0xd, component);
            bytes = MAX(bytes, size_offset.eax + size_offset.ebx);
            add_subleaf(table, 0xd, component, size_offset);
        }
    }
    add_subleaf(table, 0xd, 0,
                (struct cpuid_registers){(uint32_t)table->xcr0_mask, XSAVE_LEGACY_BYTES, bytes,
                                         (uint32_t)(table->xcr0_mask >> 32)});
    bool xsaves = identity->features & FEATURE_XSAVES;
    uint64_t passed = LEAFD_1_EAX_PASSED | (xsaves ? CPUID_D_1_EAX_XSAVES : 0);
    uint32_t features = host->cpuid(0xd, 1).eax & (uint32_t)passed;
    add_subleaf(table, 0xd, 1, (struct cpuid_registers){features, XSAVE_LEGACY_BYTES, 0, 0});
}

struct ratio {
    uint64_t numerator;
    uint64_t denominator;
};

// The fraction nearest to a / b whose numerator is at most `most`, by continued fractions: no
// fraction of the same size is nearer than the one of each step.
static struct ratio nearest_ratio(uint64_t a, uint64_t b, uint64_t most)
{
    struct ratio before = {.numerator = 0, .denominator = 1};
    struct ratio now = {.numerator = 1, .denominator = 0};
    while (b != 0) {
        uint64_t wanted = a / b;
        uint64_t room = (most - before.numerator) / MAX(now.numerator, 1);
        uint64_t steps = MIN(wanted, room);
        if (2 * steps < wanted) { // fewer than half of the steps do not lead nearer
            break;
        }
        struct ratio next = {.numerator = steps * now.numerator + before.numerator,
                             .denominator = steps * now.denominator + before.denominator};
        before = now;
        now = next;
        uint64_t rest = steps < wanted ? 0 : a % b; // 0 ends the loop: no room for more
        a = b;
        b = rest;
    }
    return now;
}

// The TSC's frequency: leaf 15H gives it as a ratio to the crystal, leaf 16H in MHz. The crystal
// also drives the local APIC's timer (SDM Vol. 3A 11.5.4). Linux multiplies the crystal in kHz by
// the numerator in 32 bits, so the product must fit into them.
#define CRYSTAL_HZ LAPIC_TIMER_HZ
#define NUMERATOR_MAX (UINT32_MAX / (CRYSTAL_HZ / 1000))
static void build_frequency(struct cpuid_table *table, const struct host *host)
{
    uint64_t hz = host->tsc_hz();
    uint32_t mhz = (uint32_t)(hz / 1000000);
    struct ratio ratio = nearest_ratio(hz, CRYSTAL_HZ, NUMERATOR_MAX);
    table->basic[0x15].registers = (struct cpuid_registers){
        (uint32_t)ratio.denominator, (uint32_t)ratio.numerator, CRYSTAL_HZ, 0};
    table->basic[0x16].registers = (struct cpuid_registers){mhz, mhz, 100, 0};
}

static void build_basic(struct cpuid_table *table, const struct host *host,
                        const struct cpuid_identity *identity)
{
    static const uint8_t passed[] = {0, 1, 2, 7}; // Husk makes up the others or leaves them empty
    uint32_t host_max = host->cpuid(0, 0).eax;
    for (unsigned i = 0; i < ARRAY_SIZE(passed); i++) {
        if (passed[i] <= host_max) {
            table->basic[passed[i]].registers = host->cpuid(passed[i], 0);
        }
    }
    table->basic[0].registers.eax = (CPUID_BASIC_LEAVES - 1);
    build_leaf1(table, identity);
    build_leaf4(table, host);
    table->basic[6].registers.eax = (uint32_t)CPUID_6_EAX_ARAT;
    build_leaf7(table, identity);
    build_topology(table, identity);
    build_xsave(table, host, identity);
    build_frequency(table, host);
}

static void add_hypervisor_leaf(struct cpuid_table *table, uint32_t leaf,
                                struct cpuid_registers registers)
{
    table->hypervisor[table->hypervisor_count++] =
        (struct cpuid_hypervisor_leaf){.leaf = leaf, .registers = registers};
}

// Husk has the first range of leaves, with the frequencies in kHz where VMware's guests find them.
// KVM's interface is in the second range.
static void build_hypervisor(struct cpuid_table *table, const struct host *host, bool paravirt)
{
    uint32_t last = paravirt ? CPUID_HYPERVISOR_RATES : CPUID_HYPERVISOR + 1;
    uint32_t husk = 0x6b737548; // "Husk"
    add_hypervisor_leaf(table, CPUID_HYPERVISOR, (struct cpuid_registers){last, husk, husk, husk});
    if (!paravirt) {
        return;
    }
    add_hypervisor_leaf(
        table, CPUID_HYPERVISOR_RATES,
        (struct cpuid_registers){(uint32_t)(host->tsc_hz() / 1000), LAPIC_TIMER_HZ / 1000, 0, 0});
    struct cpuid_registers kvm = {.eax = CPUID_KVM_FEATURES};
    __builtin_memcpy(&kvm.ebx, KVM_SIGNATURE, sizeof(KVM_SIGNATURE) - 1);
    add_hypervisor_leaf(table, CPUID_KVM, kvm);
    add_hypervisor_leaf(table, CPUID_KVM_FEATURES,
                        (struct cpuid_registers){PARAVIRT_FEATURES, 0, 0, 0});
}

static void build_extended(struct cpuid_table *table, const struct host *host,
                           const struct cpuid_identity *identity)
{
    uint32_t last = CPUID_EXTENDED + CPUID_EXTENDED_LEAVES - 1;
    uint32_t host_max = host->cpuid(CPUID_EXTENDED, 0).eax; // below it: no such leaf
    table->extended_max = MIN(MAX(host_max, CPUID_EXTENDED), last);
    for (uint32_t leaf = CPUID_EXTENDED; leaf <= table->extended_max; leaf++) {
        table->extended[leaf - CPUID_EXTENDED].registers = host->cpuid(leaf, 0);
    }
    table->extended[0].registers.eax = table->extended_max;
    struct cpuid_registers *features = &table->extended[1].registers;
    features->ecx &= (uint32_t)EXTENDED1_ECX_PASSED;
    features->edx &=
        EXTENDED1_EDX_PASSED |
        (identity->features & FEATURE_RDTSCP ? (uint32_t)CPUID_80000001_EDX_RDTSCP : 0);
    uint32_t invariant =
        table->extended[7].registers.edx & (uint32_t)CPUID_80000007_EDX_INVARIANT_TSC;
    table->extended[7].registers = (struct cpuid_registers){0, 0, 0, invariant};
    table->extended[8].registers.ebx = 0;
    table->extended[8].registers.ecx = identity->vcpus - 1; // AMD: cores - 1
    table->extended[8].registers.edx = 0;
}

void cpuid_table_build(struct cpuid_table *table, const struct host *host,
                       const struct cpuid_identity *identity)
{
    *table = (struct cpuid_table){.xcr0_mask = host->xcr0_mask()};
    build_basic(table, host, identity);
    build_hypervisor(table, host, identity->paravirt);
    build_extended(table, host, identity);
    cpuid_table_set_apic(table, true);
}
