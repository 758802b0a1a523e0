// SPDX-License-Identifier: MIT
// Which hypercall instruction this CPU has, and whether Husk listens to it.
#include "guests/lib/hypercall.h"

#include "guests/lib/memory.h"

#define VENDOR_AMD_EBX 0x68747541U   // "Auth"
#define VENDOR_HYGON_EBX 0x6f677948U // "Hygo"

bool husk_present(void)
{
    if ((cpuid(1, 0).ecx & CPUID_1_ECX_HYPERVISOR) == 0) {
        return false;
    }
    const struct cpuid_registers leaf = cpuid(CPUID_HYPERVISOR, 0);
    const uint32_t signature[] = {leaf.ebx, leaf.ecx, leaf.edx};
    return memcmp(signature, HUSK_SIGNATURE, sizeof(signature)) == 0;
}

bool cpu_is_amd(void)
{
    const uint32_t vendor = cpuid(0, 0).ebx;
    return vendor == VENDOR_AMD_EBX || vendor == VENDOR_HYGON_EBX;
}

uint64_t hypercall(uint64_t number, uint64_t first, uint64_t second)
{
    static enum { UNKNOWN, INTEL, AMD } vendor = UNKNOWN;
    if (vendor == UNKNOWN) {
        vendor = cpu_is_amd() ? AMD : INTEL;
    }
    return vendor == AMD ? hypercall_vmmcall(number, first, second)
                         : hypercall_vmcall(number, first, second);
}
