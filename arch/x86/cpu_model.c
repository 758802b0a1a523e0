// SPDX-License-Identifier: MIT
// Vendor, family, model and stepping (SDM Vol. 2A CPUID, APM Vol. 3 appendix E.3).
#include "arch/x86/cpu_model.h"

#include "arch/x86/cpuid.h"
#include "vmm/util/cpu_family.h"

// The last four letters of the vendor's name are in ECX.
#define ECX_INTEL 0x6c65746eu // "ntel" of GenuineIntel
#define ECX_AMD 0x444d4163u   // "cAMD" of AuthenticAMD
#define ECX_HYGON 0x656e6975u // "uine" of HygonGenuine

#define FAMILY_P6 0x6

static enum cpu_vendor vendor_of(uint32_t ecx)
{
    switch (ecx) {
    case ECX_INTEL:
        return CPU_VENDOR_INTEL;
    case ECX_AMD:
    case ECX_HYGON:
        return CPU_VENDOR_AMD;
    default:
        return CPU_VENDOR_OTHER;
    }
}

struct cpu_model cpu_model_decode(struct cpuid_registers vendor, uint32_t signature)
{
    struct cpu_model cpu = {.vendor = vendor_of(vendor.ecx),
                            .family = cpu_family(signature),
                            .model = signature >> 4 & 0xf,
                            .stepping = signature & 0xf};
    if (cpu.family == FAMILY_P6 || cpu.family >= CPU_FAMILY_EXTENDED) {
        cpu.model |= signature >> 12 & 0xf0;
    }
    return cpu;
}

struct cpu_model cpu_model_read(void)
{
    return cpu_model_decode(cpuid(0, 0), cpuid(CPUID_FEATURES, 0).eax);
}
