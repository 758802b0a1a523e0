// SPDX-License-Identifier: MIT
// VMREAD and VMWRITE of the current VMCS. vmcs.h wraps them by the width of a field.
#pragma once

#include "vmm/util/types.h"

// The CPU does not have this field, or it has no current VMCS. That is a bug of Husk, so this
// panics and names the field.
_Noreturn __attribute__((cold)) void vmcs_access_failed(uint32_t encoding, bool write);

// Both functions below jump on failure, so success costs one branch that is not taken.
static inline uint64_t vmcs_read_raw(uint32_t encoding)
{
    uint64_t value;
    __asm__ goto("vmread %1, %0\n\tjbe %l[failed]"
                 : "=r"(value)
                 : "r"((uint64_t)encoding)
                 : "cc"
                 : failed);
    return value;
failed:
    vmcs_access_failed(encoding, false);
}

static inline void vmcs_write_raw(uint32_t encoding, uint64_t value)
{
    __asm__ goto("vmwrite %1, %0\n\tjbe %l[failed]"
                 :
                 : "r"((uint64_t)encoding), "rm"(value)
                 : "cc", "memory"
                 : failed);
    return;
failed:
    vmcs_access_failed(encoding, true);
}
