// SPDX-License-Identifier: MIT
// The table of errata: which CPUs have them, and the registers that avoid them.
#include "arch/x86/errata.h"

#include "arch/x86/cpu_model.h"
#include "arch/x86/cpuid.h"
#include "arch/x86/msr.h"
#include "arch/x86/msr_numbers.h"
#include "vmm/util/format.h"

#define INTEL CPU_VENDOR_INTEL, 6
#define AMD CPU_VENDOR_AMD

#define ALL_STEPPINGS 0xffffu
#define ALL_REVISIONS UINT32_MAX

#define INT_PENDING_C1E (BIT(27) | BIT(28)) // SmiOnCmpHalt, C1eOnCmpHalt
#define DC_CFG_REPORT_TLB_MATCHES BIT(47)
#define LS_CFG_ORDER_LOCKED BIT(15)

// CPUs of one family that have an erratum.
struct affected {
    uint8_t erratum;
    uint8_t vendor;
    uint8_t family;
    uint8_t first_model;
    uint8_t last_model;
    uint16_t steppings; // a bit for each
    uint32_t fixed_in;  // the microcode revision that mends it
};

// AMD's manuals for it are the revision guides: for family 10h (41322) of 383, 400 and 669, for
// family 16h (51810) of 793, for family 17h of 1235. Of family 0Fh the models from 40h on have the
// C1E state (BIOS and Kernel Developer's Guide 32559). Intel's specification updates do not name
// the revisions of microcode and the models without self-snooping: they are those that Intel has
// given to Linux and Xen.
static const struct affected table[] = {
    {ERRATUM_TSC_DEADLINE, INTEL, 0x3c, 0x3c, ALL_STEPPINGS, 0x22}, // Haswell
    {ERRATUM_TSC_DEADLINE, INTEL, 0x3f, 0x3f, BIT(2), 0x3a},
    {ERRATUM_TSC_DEADLINE, INTEL, 0x3f, 0x3f, BIT(4), 0x0f},
    {ERRATUM_TSC_DEADLINE, INTEL, 0x45, 0x45, ALL_STEPPINGS, 0x20},
    {ERRATUM_TSC_DEADLINE, INTEL, 0x46, 0x46, ALL_STEPPINGS, 0x17},
    {ERRATUM_TSC_DEADLINE, INTEL, 0x3d, 0x3d, ALL_STEPPINGS, 0x25}, // Broadwell
    {ERRATUM_TSC_DEADLINE, INTEL, 0x47, 0x47, ALL_STEPPINGS, 0x17},
    {ERRATUM_TSC_DEADLINE, INTEL, 0x4f, 0x4f, ALL_STEPPINGS, 0x0b000020},
    {ERRATUM_TSC_DEADLINE, INTEL, 0x56, 0x56, BIT(2), 0x11},
    {ERRATUM_TSC_DEADLINE, INTEL, 0x56, 0x56, BIT(3), 0x0700000e},
    {ERRATUM_TSC_DEADLINE, INTEL, 0x56, 0x56, BIT(4), 0x0f00000c},
    {ERRATUM_TSC_DEADLINE, INTEL, 0x56, 0x56, BIT(5), 0x0e000003},
    {ERRATUM_TSC_DEADLINE, INTEL, 0x4e, 0x4e, ALL_STEPPINGS, 0xb2}, // Skylake
    {ERRATUM_TSC_DEADLINE, INTEL, 0x5e, 0x5e, ALL_STEPPINGS, 0xb2},
    {ERRATUM_TSC_DEADLINE, INTEL, 0x55, 0x55, BIT(3), 0x01000136},
    {ERRATUM_TSC_DEADLINE, INTEL, 0x55, 0x55, BIT(4), 0x02000014},
    {ERRATUM_TSC_DEADLINE, INTEL, 0x8e, 0x8e, ALL_STEPPINGS, 0x52}, // Kaby Lake
    {ERRATUM_TSC_DEADLINE, INTEL, 0x9e, 0x9e, ALL_STEPPINGS, 0x52},
    {ERRATUM_SELF_SNOOP, INTEL, 0x1a, 0x1a, ALL_STEPPINGS, ALL_REVISIONS}, // Nehalem
    {ERRATUM_SELF_SNOOP, INTEL, 0x1e, 0x1f, ALL_STEPPINGS, ALL_REVISIONS},
    {ERRATUM_SELF_SNOOP, INTEL, 0x2e, 0x2e, ALL_STEPPINGS, ALL_REVISIONS},
    {ERRATUM_SELF_SNOOP, INTEL, 0x25, 0x25, ALL_STEPPINGS, ALL_REVISIONS}, // Westmere
    {ERRATUM_SELF_SNOOP, INTEL, 0x2c, 0x2c, ALL_STEPPINGS, ALL_REVISIONS},
    {ERRATUM_SELF_SNOOP, INTEL, 0x2a, 0x2a, ALL_STEPPINGS, ALL_REVISIONS}, // Sandy Bridge
    {ERRATUM_C1E, AMD, 0xf, 0x40, 0xff, ALL_STEPPINGS, ALL_REVISIONS},
    {ERRATUM_C1E, AMD, 0x10, 0x00, 0xff, ALL_STEPPINGS, ALL_REVISIONS},
    {ERRATUM_383, AMD, 0x10, 0x00, 0xff, ALL_STEPPINGS, ALL_REVISIONS},
    {ERRATUM_793, AMD, 0x16, 0x00, 0x0f, ALL_STEPPINGS, ALL_REVISIONS},
    {ERRATUM_1235, AMD, 0x17, 0x00, 0xff, ALL_STEPPINGS, ALL_REVISIONS},
    {ERRATUM_1235, AMD, 0x18, 0x00, 0xff, ALL_STEPPINGS, ALL_REVISIONS}, // Hygon: the same core
};

// The register that avoids an erratum. Without bits to clear it is written in any case; else the
// erratum is there only as long as one of these bits is set.
struct fix {
    uint32_t msr; // 0: there is none
    uint64_t clear;
    uint64_t set;
};

static const struct {
    const char *name;
    const char *remedy;
    const char *refused; // where the register has kept its value
    struct fix fix;
    bool bare; // if there is a hypervisor below, it is the hypervisor's to care for
} known[] = {
    [ERRATUM_TSC_DEADLINE] = {.name = "TSC-deadline mode fails with this microcode",
                              .remedy = "the timer counts down",
                              .bare = true},
    [ERRATUM_SELF_SNOOP] = {.name = "no self-snooping caches",
                            .remedy = "guests' memory types do not count"},
    [ERRATUM_FP_POINTERS] = {.name = "FXRSTOR leaves x87 error pointers",
                             .remedy = "vCPU switches clear them"},
    [ERRATUM_C1E] = {.name = "400, 669: C1E stops the APIC timer",
                     .remedy = "C1E is off",
                     .refused = "CPUs at rest do not halt",
                     .fix = {AMD_INT_PENDING, INT_PENDING_C1E, 0},
                     .bare = true},
    [ERRATUM_383] = {.name = "383: a TLB may match twice",
                     .remedy = "that is a machine check of the guest",
                     .refused = "it is not reported",
                     .fix = {AMD_DC_CFG, 0, DC_CFG_REPORT_TLB_MATCHES}},
    [ERRATUM_793] = {.name = "793: locked accesses may hang a core",
                     .remedy = "LS_CFG[15] is set",
                     .refused = "LS_CFG[15] stays clear",
                     .fix = {AMD_LS_CFG, 0, LS_CFG_ORDER_LOCKED},
                     .bare = true},
    [ERRATUM_1235] = {.name = "1235: AVIC may lose an IPI", .remedy = "AVIC does not send IPIs"},
};
static_assert(ARRAY_SIZE(known) == ERRATUM_COUNT, "an entry for each");

static struct errata machine;

static bool is_affected(const struct affected *row, const struct cpu_model *cpu)
{
    return row->vendor == cpu->vendor && row->family == cpu->family &&
           cpu->model >= row->first_model && cpu->model <= row->last_model &&
           (row->steppings & BIT(cpu->stepping)) &&
           (row->fixed_in == ALL_REVISIONS || cpu_microcode_read() < row->fixed_in);
}

static bool is_listed(enum erratum erratum, const struct cpu_model *cpu)
{
    for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
        if (table[i].erratum == erratum && is_affected(&table[i], cpu)) {
            return true;
        }
    }
    return false;
}

static bool has(enum erratum erratum, const struct cpu_model *cpu)
{
    const struct cpuid_registers features = cpuid(CPUID_FEATURES, 0);
    if (known[erratum].bare && (features.ecx & CPUID_1_ECX_HYPERVISOR)) {
        return false;
    }
    switch (erratum) {
    case ERRATUM_TSC_DEADLINE:
        return (features.ecx & CPUID_1_ECX_TSC_DEADLINE) && is_listed(erratum, cpu);
    case ERRATUM_SELF_SNOOP: // only EPT asks
        return (features.ecx & CPUID_1_ECX_VMX) &&
               (!(features.edx & CPUID_1_EDX_SELF_SNOOP) || is_listed(erratum, cpu));
    case ERRATUM_FP_POINTERS:
        return cpu->vendor == CPU_VENDOR_AMD &&
               !(cpuid_checked(CPUID_ADDRESS_SIZES, 0).ebx & CPUID_80000008_EBX_RESTORES_POINTERS);
    default:
        return is_listed(erratum, cpu);
    }
}

// Writes the register only if that changes it. What is refused stays open.
static void apply(enum erratum erratum, struct errata *errata)
{
    const struct fix *fix = &known[erratum].fix;
    uint64_t before, after = 0;
    bool there = rdmsr_safe(fix->msr, &before);
    if (fix->clear && !(before & fix->clear)) {
        return;
    }
    errata->in_force |= (uint32_t)BIT(erratum);
    uint64_t wanted = (before & ~fix->clear) | fix->set;
    if (!there || (before != wanted && (!wrmsr_safe(fix->msr, wanted) ||
                                        !rdmsr_safe(fix->msr, &after) || after != wanted))) {
        errata->open |= (uint32_t)BIT(erratum);
    }
}

void errata_find(struct errata *errata)
{
    const struct cpu_model cpu = cpu_model_read();
    for (enum erratum erratum = 0; erratum < ERRATUM_COUNT; erratum++) {
        if (!has(erratum, &cpu)) {
            continue;
        }
        if (known[erratum].fix.msr != 0) {
            apply(erratum, errata);
        } else {
            errata->in_force |= (uint32_t)BIT(erratum);
        }
    }
}

void errata_apply(void)
{
    errata_find(&machine);
}

bool erratum_in_force(enum erratum erratum)
{
    return machine.in_force & BIT(erratum);
}

bool erratum_is_open(enum erratum erratum)
{
    return machine.open & BIT(erratum);
}

bool errata_describe(unsigned *next, char *text, size_t size)
{
    while (*next < ERRATUM_COUNT) {
        enum erratum erratum = (*next)++;
        if (erratum_in_force(erratum)) {
            format_text(text, size, "%s: %s", known[erratum].name,
                        erratum_is_open(erratum) ? known[erratum].refused : known[erratum].remedy);
            return true;
        }
    }
    return false;
}
