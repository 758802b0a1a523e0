// SPDX-License-Identifier: MIT
// What delays events in the guest: blocking by STI, MOV SS and NMI, and a pending single-step trap
// (SDM Vol. 3C 25.4.2). No other file writes these two fields.
#pragma once

#include "arch/vmx/vmcs.h"
#include "arch/x86/registers.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

#define PENDING_DEBUG_ENABLED BIT(12) // one of B0 to B3 is of a breakpoint that is switched on

// SHADOW_* bits.
static inline uint32_t vmx_blocking(void)
{
    return vmcs_read32(GUEST_INTERRUPTIBILITY);
}

static inline void vmx_blocking_set(uint32_t shadow)
{
    vmcs_write32(GUEST_INTERRUPTIBILITY, shadow);
}

// The instruction after STI or MOV SS has been executed.
static inline void vmx_blocking_end_shadow(void)
{
    uint32_t shadow = vmx_blocking();
    if (__builtin_expect(shadow & (SHADOW_STI | SHADOW_MOV_SS), false)) {
        vmx_blocking_set(shadow & ~(uint32_t)(SHADOW_STI | SHADOW_MOV_SS));
    }
}

static inline void vmx_blocking_set_nmi(bool blocked)
{
    uint32_t others = vmx_blocking() & ~(uint32_t)SHADOW_NMI;
    vmx_blocking_set(others | (blocked ? (uint32_t)SHADOW_NMI : 0));
}

// The next entry delivers a trap with these causes, bits of DR6: a single step, or breakpoints that
// are switched on.
static inline void vmx_blocking_add_trap(uint64_t causes)
{
    uint64_t enabled = causes & DR6_BREAKPOINTS ? PENDING_DEBUG_ENABLED : 0;
    vmcs_write(GUEST_PENDING_DEBUG, vmcs_read(GUEST_PENDING_DEBUG) | causes | enabled);
}

// Whether a trap is pending: a single step, or a breakpoint that is switched on.
static inline bool vmx_blocking_trap_waits(void)
{
    return (vmcs_read(GUEST_PENDING_DEBUG) & (DR6_BS | PENDING_DEBUG_ENABLED)) != 0;
}

static inline uint64_t vmx_blocking_traps(void)
{
    return vmcs_read(GUEST_PENDING_DEBUG);
}

static inline void vmx_blocking_set_traps(uint64_t traps)
{
    vmcs_write(GUEST_PENDING_DEBUG, traps);
}
