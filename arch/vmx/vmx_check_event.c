// SPDX-License-Identifier: MIT
// The checks of the fields for event injection (SDM Vol. 3C 27.2.1.3).
#include "arch/vmx/vmx_check_event.h"

#include "arch/vmx/vmcs.h"
#include "arch/vmx/vmcs_bits.h"
#include "arch/vmx/vmx_check.h"
#include "arch/x86/registers.h"
#include "vmm/util/types.h"

#define SECTION "27.2.1.3"
#define INFO "VM-entry interruption information"
#define INFO_RESERVED 0x7ffff000U // bits 30 to 12
#define TYPE_RESERVED 1
#define TYPE_OTHER 7
#define VECTOR_CP 21
#define LENGTH_MAX 15
#define MISC_ZERO_LENGTH BIT(30)
#define WITH_ERROR_CODE                                                                            \
    (BIT(VECTOR_DF) | BIT(VECTOR_TS) | BIT(VECTOR_NP) | BIT(VECTOR_SS) | BIT(VECTOR_GP) |          \
     BIT(VECTOR_PF) | BIT(VECTOR_AC))

// Whether the event must have an error code: an exception of the right vector, outside real mode.
static bool wants_error_code(unsigned type, unsigned vector)
{
    return type == INTERRUPTION_HARDWARE_EXCEPTION && (vmcs_read(GUEST_CR0) & CR0_PE) &&
           vector < 32 && (WITH_ERROR_CODE & BIT(vector));
}

bool vmx_check_event(const struct vmx_limits *limits, struct checked_rule *found)
{
    uint32_t info = vmcs_read32(VM_ENTRY_INTERRUPTION_INFO);
    unsigned vector = info & INTERRUPTION_VECTOR_MASK;
    unsigned type = info >> INTERRUPTION_TYPE_SHIFT & INTERRUPTION_TYPE_MASK;
    bool has_code = info & INTERRUPTION_ERROR_CODE;
    bool free_code = limits->any_error_code && type == INTERRUPTION_HARDWARE_EXCEPTION;
    bool software = type >= INTERRUPTION_SOFTWARE_INTERRUPT && type < TYPE_OTHER;
    uint32_t code = vmcs_read32(VM_ENTRY_EXCEPTION_ERROR_CODE);
    uint32_t length = vmcs_read32(VM_ENTRY_INSTRUCTION_LENGTH);
    bool zero = length == 0 && !(limits->misc & MISC_ZERO_LENGTH);
    const struct checked_rule rules[] = {
        {type == TYPE_RESERVED, SECTION, INFO, info, "type 1 is reserved"},
        {type == INTERRUPTION_NMI && vector != VECTOR_NMI, SECTION, INFO, info,
         "an NMI has vector 2"},
        {type == INTERRUPTION_HARDWARE_EXCEPTION && vector > 31, SECTION, INFO, info,
         "a hardware exception has a vector up to 31"},
        {type == TYPE_OTHER && vector != 0, SECTION, INFO, info, "an event of type 7 has vector 0"},
        {has_code && !free_code && vector != VECTOR_CP && !wants_error_code(type, vector), SECTION,
         INFO, info, "this event has no error code"},
        {!has_code && !free_code && wants_error_code(type, vector), SECTION, INFO, info,
         "this exception must have an error code"},
        {info & INFO_RESERVED, SECTION, INFO, info, "bits 30 to 12 must be 0"},
        {has_code && code >> 16, SECTION, "VM-entry exception error code", code,
         "bits 31 to 16 must be 0"},
        {software && (length > LENGTH_MAX || zero), SECTION, "VM-entry instruction length", length,
         "it must be 1 to 15"},
    };
    return (info & INTERRUPTION_VALID) && rule_check_first(rules, ARRAY_SIZE(rules), found);
}
