// SPDX-License-Identifier: MIT
// Which rule of SDM Vol. 3C 27.2 and 27.3 the current VMCS breaks. The CPU says only in which part.
#pragma once

#include "arch/vmx/vmcs.h"
#include "arch/vmx/vmcs_bits.h"
#include "arch/x86/registers.h"
#include "arch/x86/rule_check.h" // IWYU pragma: export
#include "vmm/address.h"
#include "vmm/util/types.h"

// What the CPU allows. The control words are its capability MSRs: the low half has the bits that
// must be 1, the high half those that may be 1.
struct vmx_limits {
    uint64_t pin;
    uint64_t primary;
    uint64_t secondary;
    uint64_t exit;
    uint64_t entry;
    uint64_t cr0_fixed0;
    uint64_t cr0_fixed1;
    uint64_t cr4_fixed0;
    uint64_t cr4_fixed1;
    uint64_t misc;       // IA32_VMX_MISC
    uint64_t ept_vpid;   // IA32_VMX_EPT_VPID_CAP
    bool any_error_code; // IA32_VMX_BASIC[56]: hardware exceptions may have an error code or none
    unsigned physical_bits;
    unsigned linear_bits;
};

// Finds the rule that an entry has broken, which failed with that VM-instruction error, or if this
// is 0, with that exit reason. False: the VMCS breaks no rule that Husk knows.
bool vmx_check(uint32_t instruction_error, uint32_t exit_reason, struct checked_rule *found);

// ---- For the files of the checks ----

#define CR0_UNCHECKED (CR0_NW | CR0_CD) // no entry and no exit changes them
#define EFER_DEFINED (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)

// The secondary controls. 0: they are not activated.
static inline uint32_t vmx_secondary_controls(void)
{
    bool active = vmcs_read32(PRIMARY_CONTROLS) & PRIMARY_ACTIVATE_SECONDARY;
    return active ? vmcs_read32(SECONDARY_CONTROLS) : 0;
}

static inline bool vmx_is_canonical(const struct vmx_limits *limits, uint64_t address)
{
    return address_is_canonical(address, limits->linear_bits);
}

// Whether an address has bits that no physical address has, or bits of `low` (it is aligned to
// `low` + 1).
static inline bool vmx_is_bad_address(const struct vmx_limits *limits, uint64_t address,
                                      uint64_t low)
{
    return (address & low) || address >> limits->physical_bits;
}

// Whether a control word has bits that the CPU does not allow, or lacks some that it demands.
static inline bool vmx_is_bad_control(uint64_t allowed, uint32_t value)
{
    return (value & ~(uint32_t)(allowed >> 32)) || (~value & (uint32_t)allowed);
}
