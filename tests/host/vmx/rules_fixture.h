// SPDX-License-Identifier: MIT
// What the tests of the rules for VM entries share: a good VMCS, and how to break it.
#pragma once

#include "arch/vmx/vmcs.h"      // IWYU pragma: export
#include "arch/vmx/vmcs_bits.h" // IWYU pragma: export
#include "arch/vmx/vmx_check.h" // IWYU pragma: export
#include "vmm/backend.h"        // IWYU pragma: export
#include "vmm/util/types.h"

#define PIN (PIN_EXTERNAL_INTERRUPT_EXITING | PIN_NMI_EXITING | PIN_VIRTUAL_NMIS)
#define PRIMARY                                                                                    \
    (PRIMARY_USE_IO_BITMAPS | PRIMARY_USE_MSR_BITMAPS | PRIMARY_USE_TPR_SHADOW |                   \
     PRIMARY_ACTIVATE_SECONDARY)
#define SECONDARY                                                                                  \
    (SECONDARY_ENABLE_EPT | SECONDARY_UNRESTRICTED_GUEST | SECONDARY_ENABLE_VPID |                 \
     SECONDARY_APIC_ACCESSES)
#define EXIT (EXIT_CONTROL_HOST_64BIT | EXIT_CONTROL_LOAD_EFER | EXIT_CONTROL_LOAD_PAT)
#define ENTRY                                                                                      \
    (ENTRY_CONTROL_IA32E_GUEST | ENTRY_CONTROL_LOAD_DEBUG_CONTROLS | ENTRY_CONTROL_LOAD_EFER |     \
     ENTRY_CONTROL_LOAD_PAT)
#define ALLOW_ALL 0xffffffff00000000ULL
#define GOOD_PAT 0x0007040600070406ULL
#define BAD_PAT 0x0007040600020406ULL
#define NOT_CANONICAL 0x0000800000000000ULL
#define TOO_HIGH BIT(40) // for a physical address
#define UNUSABLE BIT(16)
#define EVENT(type, vector) (INTERRUPTION_VALID | (type) << INTERRUPTION_TYPE_SHIFT | (vector))
#define LIMIT(segment) vmcs_guest_limit(segment).encoding
#define RIGHTS(segment) vmcs_guest_access_rights(segment).encoding
#define BASE(segment) vmcs_guest_base(segment).encoding
#define SELECTOR(segment) vmcs_guest_selector(segment).encoding
#define FIELD(name) (name).encoding

// Changes of a good state, and the rule that the result breaks.
struct row {
    const char *section;
    const char *field;
    const char *rule; // its begin
    struct {
        uint32_t field; // 0: there is no further change
        uint64_t value;
    } change[3];
};

extern struct vmx_limits limits;
extern struct checked_rule found;

// For cmocka: a 64-bit guest that breaks no rule.
int rules_set_up(void **state);
void rules_set_segment(unsigned segment, uint16_t selector, uint64_t base, uint32_t limit,
                       uint32_t rights);
// Whether a rule is broken: `found` is the first.
bool rules_check_all(void);
void rules_assert_good(void);
// Makes the changes of each row in a good state, and expects its rule.
void rules_assert_rows(const struct row *rows, unsigned count);
