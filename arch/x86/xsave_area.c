// SPDX-License-Identifier: MIT
// Adds up the components of an XSAVE area.
#include "arch/x86/xsave_area.h"
#include "arch/x86/cpuid.h"

#define LEGACY_BYTES (512 + 64) // x87 and SSE, then the header
#define FIRST_EXTENDED 2u
#define COMPONENTS 63u
#define ECX_ALIGNED BIT(1) // aligned to 64 bytes in the compacted format

uint64_t xsave_area_standard(uint64_t mask,
                             struct cpuid_registers (*read)(uint32_t leaf, uint32_t subleaf))
{
    uint64_t bytes = LEGACY_BYTES;
    for (unsigned component = FIRST_EXTENDED; component < COMPONENTS; component++) {
        if (mask & BIT(component)) {
            struct cpuid_registers size_offset = read(CPUID_XSAVE, component);
            bytes = MAX(bytes, (uint64_t)size_offset.eax + size_offset.ebx);
        }
    }
    return bytes;
}

static uint64_t compacted(uint64_t mask,
                          struct cpuid_registers (*read)(uint32_t leaf, uint32_t subleaf))
{
    uint64_t bytes = LEGACY_BYTES;
    for (unsigned component = FIRST_EXTENDED; component < COMPONENTS; component++) {
        if (mask & BIT(component)) {
            struct cpuid_registers size = read(CPUID_XSAVE, component);
            bytes = (size.ecx & ECX_ALIGNED ? ALIGN_UP(bytes, 64) : bytes) + size.eax;
        }
    }
    return bytes;
}

enum status xsave_area_check_compacted(uint64_t xcr0,
                                       struct cpuid_registers (*read)(uint32_t leaf,
                                                                      uint32_t subleaf),
                                       struct reason *why)
{
    struct cpuid_registers own = read(CPUID_XSAVE, 1);
    if (!(own.eax & CPUID_D_1_EAX_XSAVEC)) {
        return refuse(why, STATUS_UNSUPPORTED, "this CPU has none");
    }
    uint64_t sum = compacted(xcr0, read);
    if (own.ebx != sum) {
        return refuse(why, STATUS_UNSUPPORTED,
                      "CPUID 0xd says %u bytes for its area, the components there make %lu",
                      own.ebx, sum);
    }
    return STATUS_OK;
}
