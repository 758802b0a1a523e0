// SPDX-License-Identifier: MIT
// Reads what the CPU allows, and looks for the broken rule in the part that the CPU has named.
#include "arch/vmx/vmx_check.h"

#include "arch/vmx/vmcs_bits.h"
#include "arch/vmx/vmx_check_controls.h"
#include "arch/vmx/vmx_check_event.h"
#include "arch/vmx/vmx_check_guest.h"
#include "arch/vmx/vmx_check_host.h"
#include "arch/vmx/vmx_check_segments.h"
#include "arch/x86/cpuid.h"
#include "arch/x86/msr.h"
#include "arch/x86/msr_numbers.h"
#include "vmm/util/types.h"

#define BASIC_TRUE_CONTROLS BIT(55)
#define BASIC_ANY_ERROR_CODE BIT(56)

static struct vmx_limits read_limits(void)
{
    uint64_t basic = rdmsr(IA32_VMX_BASIC);
    bool true_msrs = basic & BASIC_TRUE_CONTROLS;
    return (struct vmx_limits){
        .pin = rdmsr(true_msrs ? IA32_VMX_TRUE_PINBASED_CTLS : IA32_VMX_PINBASED_CTLS),
        .primary = rdmsr(true_msrs ? IA32_VMX_TRUE_PROCBASED_CTLS : IA32_VMX_PROCBASED_CTLS),
        .secondary = rdmsr(IA32_VMX_PROCBASED_CTLS2),
        .exit = rdmsr(true_msrs ? IA32_VMX_TRUE_EXIT_CTLS : IA32_VMX_EXIT_CTLS),
        .entry = rdmsr(true_msrs ? IA32_VMX_TRUE_ENTRY_CTLS : IA32_VMX_ENTRY_CTLS),
        .cr0_fixed0 = rdmsr(IA32_VMX_CR0_FIXED0),
        .cr0_fixed1 = rdmsr(IA32_VMX_CR0_FIXED1),
        .cr4_fixed0 = rdmsr(IA32_VMX_CR4_FIXED0),
        .cr4_fixed1 = rdmsr(IA32_VMX_CR4_FIXED1),
        .misc = rdmsr(IA32_VMX_MISC),
        .ept_vpid = rdmsr(IA32_VMX_EPT_VPID_CAP),
        .any_error_code = basic & BASIC_ANY_ERROR_CODE,
        .physical_bits = cpuid_checked(CPUID_ADDRESS_SIZES, 0).eax & PHYSICAL_BITS_MASK,
        .linear_bits = cpuid_checked(CPUID_ADDRESS_SIZES, 0).eax >> 8 & PHYSICAL_BITS_MASK,
    };
}

bool vmx_check(uint32_t instruction_error, uint32_t exit_reason, struct checked_rule *found)
{
    const struct vmx_limits limits = read_limits();
    switch (instruction_error) {
    case VMX_ERROR_CONTROLS:
        return vmx_check_controls(&limits, found) || vmx_check_event(&limits, found);
    case VMX_ERROR_HOST_STATE:
        return vmx_check_host(&limits, found);
    case 0:
        return exit_reason == (VM_EXIT_REASON_ENTRY_FAILURE | VMX_EXIT_ENTRY_GUEST_STATE) &&
               (vmx_check_guest(&limits, found) || vmx_check_segments(&limits, found));
    default:
        return false;
    }
}
