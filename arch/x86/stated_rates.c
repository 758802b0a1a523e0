// SPDX-License-Identifier: MIT
// Decodes the places where CPUs and hypervisors state the TSC's rate.
#include "arch/x86/stated_rates.h"

#include "arch/x86/calibration.h"
#include "arch/x86/cpu_model.h"
#include "arch/x86/cpuid.h"
#include "arch/x86/msr.h"
#include "arch/x86/msr_numbers.h"

#define KHZ 1000ULL
#define MHZ (1000 * KHZ)

#define HYPERVISOR_LEAVES_END 0x40010000u
#define SIGNATURE_HYPER_V 0x7263694du // "Micr", EBX of leaf 40000000H
#define HYPER_V_HAS_RATES BIT(11)     // EAX of leaf 40000003H: AccessFrequencyRegs

#define RATIO_MASK 0xffU // MSR_PLATFORM_INFO, from bit 8 on

#define P_STATE_VALID BIT(63)

static uint64_t hypervisor_hz(void)
{
    if (!(cpuid(CPUID_FEATURES, 0).ecx & CPUID_1_ECX_HYPERVISOR)) {
        return 0;
    }
    struct cpuid_registers first = cpuid(CPUID_HYPERVISOR, 0);
    uint64_t hz;
    if (first.eax >= CPUID_HYPERVISOR_RATES && first.eax < HYPERVISOR_LEAVES_END) {
        return cpuid(CPUID_HYPERVISOR_RATES, 0).eax * KHZ;
    }
    bool hyper_v = first.ebx == SIGNATURE_HYPER_V &&
                   (cpuid(CPUID_HYPER_V_FEATURES, 0).eax & HYPER_V_HAS_RATES);
    return hyper_v && rdmsr_safe(HYPER_V_TSC_FREQUENCY, &hz) ? hz : 0;
}

// Where CPUID does not give the crystal's rate: SDM Vol. 3B 18.7.3.
static uint64_t crystal_hz(const struct cpu_model *cpu)
{
    if (cpu->vendor != CPU_VENDOR_INTEL || cpu->family != 6) {
        return 0;
    }
    switch (cpu->model) {
    case 0x4e: // 6th and 7th generation of Core
    case 0x5e:
    case 0x8e:
    case 0x9e:
        return 24 * MHZ;
    case 0x55: // Xeon Scalable
        return 25 * MHZ;
    case 0x5c: // Goldmont
        return 19200 * KHZ;
    default:
        return 0;
    }
}

static uint64_t cpuid_15_hz(const struct cpu_model *cpu)
{
    struct cpuid_registers leaf = cpuid_checked(CPUID_TSC_RATIO, 0);
    uint64_t crystal = leaf.ecx != 0 ? leaf.ecx : crystal_hz(cpu);
    return leaf.eax != 0 ? crystal * leaf.ebx / leaf.eax : 0;
}

// The clock that the ratio multiplies (SDM Vol. 4, tables of the models). 0: the MSR means
// something else on this model, or its clock has other rates.
static uint64_t bus_hz(const struct cpu_model *cpu)
{
    if (cpu->vendor != CPU_VENDOR_INTEL || cpu->family != 6 || cpu->model < 0x1a) {
        return 0;
    }
    switch (cpu->model) {
    case 0x1a: // Nehalem, Westmere
    case 0x1e:
    case 0x1f:
    case 0x25:
    case 0x2c:
    case 0x2e:
    case 0x2f:
        return 133330 * KHZ;
    case 0x1c: // Atom before Goldmont
    case 0x26:
    case 0x27:
    case 0x35:
    case 0x36:
    case 0x37:
    case 0x4a:
    case 0x4c:
    case 0x4d:
    case 0x5a:
    case 0x5d:
    case 0x75:
        return 0;
    default:
        return 100 * MHZ;
    }
}

static uint64_t platform_info_hz(const struct cpu_model *cpu)
{
    uint64_t info;
    return rdmsr_safe(MSR_PLATFORM_INFO, &info) ? (info >> 8 & RATIO_MASK) * bus_hz(cpu) : 0;
}

// The manuals of the families: "Processor Programming Reference", before family 17h "BIOS and
// Kernel Developer's Guide", MSRC001_00[6B:64]. Before family 17h a CPU with Core Performance Boost
// puts its boosted states before P-state 0, and nothing here says how many these are.
static uint64_t p_state_hz(const struct cpu_model *cpu)
{
    uint32_t power = cpuid_checked(CPUID_ADVANCED_POWER, 0).edx;
    bool boosted = cpu->family < 0x17 && (power & CPUID_80000007_EDX_BOOST);
    uint64_t state;
    if (cpu->vendor != CPU_VENDOR_AMD || boosted || !(power & CPUID_80000007_EDX_INVARIANT_TSC) ||
        !rdmsr_safe(AMD_P_STATE_0, &state) || !(state & P_STATE_VALID)) {
        return 0;
    }
    uint64_t divisor = state >> 8 & 0x3f;
    switch (cpu->family) {
    case 0x10:
    case 0x15:
    case 0x16:
        return 100 * MHZ * ((state & 0x3f) + 0x10) >> (state >> 6 & 7);
    case 0x17:
    case 0x18:
    case 0x19:
        return divisor != 0 ? 200 * MHZ * (state & 0xff) / divisor : 0;
    case 0x1a:
        return 5 * MHZ * (state & 0xfff);
    default:
        return 0;
    }
}

void stated_rates_read(struct stated_rates *rates)
{
    struct cpu_model cpu = cpu_model_read();
    rates->hz[RATE_HYPERVISOR] = hypervisor_hz();
    rates->hz[RATE_CPUID_15] = cpuid_15_hz(&cpu);
    rates->hz[RATE_P_STATE] = p_state_hz(&cpu);
    rates->hz[RATE_PLATFORM_INFO] = platform_info_hz(&cpu);
    rates->hz[RATE_CPUID_16] = (cpuid_checked(CPUID_BASE_RATE, 0).eax & 0xffff) * MHZ;
    for (unsigned i = 0; i < RATE_COUNT; i++) {
        if (rates->hz[i] < TSC_HZ_MIN || rates->hz[i] > TSC_HZ_MAX) {
            rates->hz[i] = 0;
        }
    }
}

const char *stated_rate_name(enum stated_rate rate)
{
    static const char *const names[] = {
        [RATE_HYPERVISOR] = "the hypervisor", [RATE_CPUID_15] = "CPUID 15H",
        [RATE_P_STATE] = "P-state 0",         [RATE_PLATFORM_INFO] = "MSR_PLATFORM_INFO",
        [RATE_CPUID_16] = "CPUID 16H",
    };
    static_assert(ARRAY_SIZE(names) == RATE_COUNT, "a name for each");
    return names[rate];
}

bool stated_rates_agree(uint64_t hz, uint64_t other_hz)
{
    uint64_t difference = hz > other_hz ? hz - other_hz : other_hz - hz;
    return difference <= other_hz / 100;
}
