// SPDX-License-Identifier: MIT
// The VMX instructions (SDM Vol. 3C chapter 31). Those that can fail return whether they succeeded.
#pragma once

#include "vmm/util/types.h"

// VMfailInvalid sets CF, and VMfailValid sets ZF. So the condition "above" is success.
static inline bool vmx_vmxon(uint64_t region)
{
    bool ok;
    __asm__ volatile("vmxon %1" : "=@cca"(ok) : "m"(region) : "memory");
    return ok;
}

static inline void vmx_vmxoff(void)
{
    __asm__ volatile("vmxoff" : : : "cc", "memory");
}

static inline bool vmx_vmclear(uint64_t vmcs)
{
    bool ok;
    __asm__ volatile("vmclear %1" : "=@cca"(ok) : "m"(vmcs) : "memory");
    return ok;
}

static inline bool vmx_vmptrld(uint64_t vmcs)
{
    bool ok;
    __asm__ volatile("vmptrld %1" : "=@cca"(ok) : "m"(vmcs) : "memory");
    return ok;
}

enum invalidation { INVALIDATE_SINGLE = 1, INVALIDATE_ALL = 2 };

struct invalidation_descriptor {
    uint64_t context; // EPTP or VPID
    uint64_t address;
};

static inline bool vmx_invept(enum invalidation type, uint64_t eptp)
{
    bool ok;
    struct invalidation_descriptor descriptor = {eptp, 0};
    __asm__ volatile("invept %1, %2"
                     : "=@cca"(ok)
                     : "m"(descriptor), "r"((uint64_t)type)
                     : "memory");
    return ok;
}

static inline bool vmx_invvpid(enum invalidation type, uint16_t vpid)
{
    bool ok;
    struct invalidation_descriptor descriptor = {vpid, 0};
    __asm__ volatile("invvpid %1, %2"
                     : "=@cca"(ok)
                     : "m"(descriptor), "r"((uint64_t)type)
                     : "memory");
    return ok;
}
