// SPDX-License-Identifier: MIT
// Looks for contradictions between CPUID, MSRs and what the CPU does.
#include "arch/x86/msr_numbers.h"
#include "arch/x86/registers.h"
#include "guests/lib/apic.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/print.h"
#include "guests/lib/start.h"
#include "guests/lib/traps.h"

#define FXSAVE_XMM 160 // where the XMM registers are in FXSAVE's area (SDM Vol. 1 10.5.1)
#define PATTERN 0x5a

static unsigned failed;

static void report(const char *what, bool right)
{
    print("features: %s: %s\n", what, right ? "right" : "WRONG");
    failed += right ? 0 : 1;
}

// ---- The local APIC ----

static bool cpuid_has_apic(void)
{
    return cpuid(CPUID_FEATURES, 0).edx & CPUID_1_EDX_APIC;
}

static bool apic_bit_follows(void)
{
    apic_set_mode(APIC_MODE_OFF);
    bool right = !cpuid_has_apic();
    apic_set_mode(APIC_MODE_XAPIC);
    return right && cpuid_has_apic();
}

// ---- FXSAVE ----

static alignas(16) uint8_t area[512];

// Whether FXSAVE writes XMM0.
static bool fxsave_stores_xmm(void)
{
    memset(area, PATTERN, sizeof(area));
    __asm__ volatile("fxsave64 %0" : "+m"(area));
    return area[FXSAVE_XMM] != PATTERN;
}

static void set_efer(void *value)
{
    msr_write(IA32_EFER, *(const uint64_t *)value);
}

static bool ffxsr_is_as_cpuid_says(bool has)
{
    struct trap trap;
    uint64_t before = msr_read(IA32_EFER);
    uint64_t with = before | EFER_FFXSR;
    cr4_write(cr4_read() | CR4_OSFXSR);
    if (trap_catch(set_efer, &with, &trap)) {
        return !has;
    }
    bool right = has && (msr_read(IA32_EFER) & EFER_FFXSR) && !fxsave_stores_xmm();
    set_efer(&before);
    return right && fxsave_stores_xmm();
}

static void check_ffxsr(void)
{
    bool has = cpuid_if_present(CPUID_EXTENDED_FEATURES, 0).edx & CPUID_80000001_EDX_FFXSR;
    bool right = ffxsr_is_as_cpuid_says(has);
    print("features: FXSAVE is fast if CPUID says so: %s, it %s\n", right ? "right" : "WRONG",
          has ? "does" : "does not");
    failed += right ? 0 : 1;
}

// ---- Leaves ----

static bool topology_names_the_processor(void)
{
    const uint32_t id = cpuid(CPUID_TOPOLOGY, 0).edx;
    for (uint32_t level = 2; level < 300; level += 99) {
        const struct cpuid_registers answer = cpuid(CPUID_TOPOLOGY, level);
        if (answer.eax != 0 || answer.ebx != 0 || answer.ecx != (level & 0xff) ||
            answer.edx != id) {
            return false;
        }
    }
    return true;
}

static bool leaf_beyond_the_last_is_right(void)
{
    const uint32_t last = cpuid(0, 0).eax;
    struct cpuid_registers wanted = {0};
    if (!cpu_is_amd()) {
        wanted = cpuid(last, 0);
    }
    const struct cpuid_registers answer = cpuid(last + 1, 0);
    return memcmp(&answer, &wanted, sizeof(answer)) == 0;
}

// ---- MSRs ----

struct msr_range {
    uint32_t first;
    uint32_t last;
};

static const struct msr_range amd_msrs[] = {{0x8b, 0x8b},
                                            {0xc0010000, 0xc0010007},
                                            {0xc0010010, 0xc0010010},
                                            {0xc0010015, 0xc0010015},
                                            {0xc001001a, 0xc001001a},
                                            {0xc001001d, 0xc001001d},
                                            {0xc001001f, 0xc001001f},
                                            {0xc0010055, 0xc0010055},
                                            {0xc0010061, 0xc0010064},
                                            {0xc0010140, 0xc0010141},
                                            {0xc0011020, 0xc0011023},
                                            {0xc0011029, 0xc0011029}};
static const struct msr_range intel_msrs[] = {
    {0x17, 0x17},   {0x2a, 0x2a},   {0x34, 0x34},   {0x3a, 0x3a},   {0x8b, 0x8b},   {0xc1, 0xc2},
    {0xce, 0xce},   {0x11e, 0x11e}, {0x186, 0x187}, {0x198, 0x19c}, {0x1a0, 0x1a0}, {0x1a2, 0x1a2},
    {0x1a4, 0x1a4}, {0x1ad, 0x1ad}, {0x1d9, 0x1d9}, {0x1fc, 0x1fc}};

static void read_and_write_back(void *msr)
{
    const uint32_t number = *(const uint32_t *)msr;
    msr_write(number, msr_read(number));
}

static void read_only(void *msr)
{
    msr_read(*(const uint32_t *)msr);
}

static bool range_answers(const struct msr_range *range)
{
    struct trap trap;
    for (uint32_t msr = range->first; msr <= range->last; msr++) {
        const bool locked = msr == IA32_FEATURE_CONTROL || msr == IA32_PLATFORM_ID;
        if (trap_catch(locked ? read_only : read_and_write_back, &msr, &trap)) {
            print("features: MSR %x faults\n", msr);
            return false;
        }
    }
    return true;
}

// From family 10H on the TSC counts with P-state 0, and LFENCE waits: kernels look for both.
static bool amd_bits_are_set(void)
{
    const uint32_t signature = cpuid(CPUID_FEATURES, 0).eax;
    const bool new_enough = (signature >> 8 & 0xf) == 0xf && (signature >> 20 & 0xff) != 0;
    return !new_enough ||
           ((msr_read(AMD_HWCR) & HWCR_TSC_FREQ_SEL) && (msr_read(AMD_DE_CFG) & DE_CFG_LFENCE));
}

static bool msrs_answer(void)
{
    const bool amd = cpu_is_amd();
    const struct msr_range *ranges = amd ? amd_msrs : intel_msrs;
    const unsigned count = amd ? ARRAY_SIZE(amd_msrs) : ARRAY_SIZE(intel_msrs);
    for (unsigned i = 0; i < count; i++) {
        if (!range_answers(&ranges[i])) {
            return false;
        }
    }
    return !amd || amd_bits_are_set();
}

uint8_t guest_main(const struct guest *guest)
{
    (void)guest;
    traps_init();
    report("the APIC's bit follows the APIC", apic_bit_follows());
    check_ffxsr();
    report("a level that does not exist names the processor", topology_names_the_processor());
    report("a leaf beyond the last", leaf_beyond_the_last_is_right());
    report("MSRs that are used unasked", msrs_answer());
    return (uint8_t)failed;
}
