// SPDX-License-Identifier: MIT
// Vendor, family, model and stepping (SDM Vol. 2A CPUID, APM Vol. 3 appendix E.3).
#include "arch/x86/cpu_model.h"

#include "arch/x86/cpuid.h"
#include "arch/x86/msr.h"
#include "arch/x86/msr_numbers.h"
#include "vmm/util/cpu_family.h"
#include "vmm/util/string.h"

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

// On Intel, CPUID puts the revision into the MSR's high half, where 0 was written before (SDM Vol.
// 3A 10.11.7.1). On AMD the low half always has it (APM Vol. 2 appendix A, PATCH_LEVEL).
uint32_t cpu_microcode_read(void)
{
    uint64_t value;
    if (cpu_model_read().vendor == CPU_VENDOR_AMD) {
        return rdmsr_safe(IA32_BIOS_SIGN_ID, &value) ? (uint32_t)value : 0;
    }
    if (!wrmsr_safe(IA32_BIOS_SIGN_ID, 0)) {
        return 0;
    }
    (void)cpuid(CPUID_FEATURES, 0);
    return rdmsr_safe(IA32_BIOS_SIGN_ID, &value) ? (uint32_t)(value >> 32) : 0;
}

// Three leaves have 16 characters each, and the name may begin with spaces (SDM Vol. 2A CPUID).
void cpu_name_read(char name[CPU_NAME_BYTES])
{
    struct cpuid_registers leaves[CPUID_NAME_LEAVES];
    char text[sizeof(leaves) + 1] = "";
    static_assert(sizeof(text) == CPU_NAME_BYTES, "the leaves are the name");
    const char *start = text;
    for (unsigned i = 0; i < CPUID_NAME_LEAVES; i++) {
        leaves[i] = cpuid_checked(CPUID_NAME + i, 0);
    }
    memcpy(text, leaves, sizeof(leaves));
    while (*start == ' ') {
        start++;
    }
    text_copy(name, CPU_NAME_BYTES, start);
}
