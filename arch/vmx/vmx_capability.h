// SPDX-License-Identifier: MIT
// What VT-x can do on a CPU, as a value, and the controls that follow from it.
#pragma once

#include "arch/vmx/vmcs_bits.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

// APIC virtualization. A CPU uses all of these with PRIMARY_USE_TPR_SHADOW, or none. A vCPU has
// only one of the first two at a time (vmx_set_apic_access).
#define SECONDARY_APICV                                                                            \
    (uint32_t)(SECONDARY_APIC_ACCESSES | SECONDARY_X2APIC_MODE | SECONDARY_APIC_REGISTERS |        \
               SECONDARY_INTERRUPT_DELIVERY)

// The controls that Husk uses if the CPU has them. All others are required, or fixed by the CPU.
#define PIN_OPTIONAL (uint32_t)(PIN_VIRTUAL_NMIS | PIN_PREEMPTION_TIMER | PIN_POSTED_INTERRUPTS)
#define PRIMARY_OPTIONAL                                                                           \
    (uint32_t)(PRIMARY_USE_TPR_SHADOW | PRIMARY_CR8_EXITING | PRIMARY_MONITOR_TRAP)
#define SECONDARY_OPTIONAL                                                                         \
    ((uint32_t)(SECONDARY_ENABLE_VPID | SECONDARY_WBINVD_EXITING | SECONDARY_ENABLE_RDTSCP |       \
                SECONDARY_ENABLE_INVPCID | SECONDARY_PAUSE_LOOP_EXITING |                          \
                SECONDARY_INSTRUCTION_TIMEOUT) |                                                   \
     SECONDARY_APICV)
#define EXIT_CONTROL_OPTIONAL                                                                      \
    (uint32_t)(EXIT_CONTROL_ACKNOWLEDGE_INTERRUPT | EXIT_CONTROL_SAVE_PREEMPTION_TIMER)

// IA32_VMX_EPT_VPID_CAP (appendix A.10).
#define EPT_CAP_WALK_4 BIT(6)
#define EPT_CAP_WRITE_BACK BIT(14)
#define EPT_CAP_2M BIT(16)
#define EPT_CAP_1G BIT(17)
#define EPT_CAP_INVEPT BIT(20)
#define EPT_CAP_ACCESSED_DIRTY BIT(21)
#define EPT_CAP_INVEPT_SINGLE BIT(25)
#define EPT_CAP_INVEPT_ALL BIT(26)
#define VPID_CAP_INVVPID BIT(32)
#define VPID_CAP_INVVPID_SINGLE BIT(41)
#define VPID_CAP_INVVPID_ALL BIT(42)

// What one CPU can do, or what all CPUs can do, and the controls that follow from it.
struct vmx_capability {
    uint32_t revision;
    uint32_t pin;
    uint32_t primary;
    uint32_t secondary;
    uint32_t exit;
    uint32_t entry;
    uint64_t ept_vpid;
    uint64_t cr0_fixed0;
    uint64_t cr0_fixed1;
    uint64_t cr4_fixed0;
    uint64_t cr4_fixed1;
    bool page_size_change_safe;      // see ept.c
    unsigned preemption_timer_shift; // the timer counts down by 1 when TSC bit `shift` changes
};

// Takes away the features that lack something they need. It fails if the rest is not enough.
enum status vmx_capability_settle(struct vmx_capability *capability, struct reason *why);
// Makes `common` what both have. If the two cannot be joined, `why` says in what `own` differs, and
// `common` stays.
enum status vmx_capability_narrow(struct vmx_capability *common, const struct vmx_capability *own,
                                  struct reason *why);
// Whether guests get APIC virtualization.
bool vmx_serves_apic(const struct vmx_capability *capability);
