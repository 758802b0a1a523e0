// SPDX-License-Identifier: MIT
// What others have for a vCPU: anyone leaves it here, from any CPU; the vCPU's own CPU takes it.
#pragma once

#include "vmm/backend.h"
#include "vmm/util/types.h"

struct vcpu;
struct apic_message;

#define MAIL_WORDS (256 / 64)

enum mail_flag {
    MAIL_VECTORS = POSTED_ON, // some of `posted.vectors` are set
    MAIL_NMI = BIT(1),
    MAIL_INIT = BIT(2),
    MAIL_STARTUP = BIT(3), // SIPI, after the INIT if there is one too
    MAIL_LINT0_ROSE = BIT(4),
    MAIL_LINT0 = BIT(5),     // the level of the pin has changed
    MAIL_LEVEL = BIT(6),     // some of `level` are set
    MAIL_REQUESTED = BIT(7), // a processor has put some into the APIC's page
    MAIL_STARTUP_SHIFT = 8,
    MAIL_STARTUP_VECTOR = 0xff << MAIL_STARTUP_SHIFT,

    // What a vCPU notices that has halted with interrupts off, or that waits for a SIPI.
    MAIL_WAKES_ALL = MAIL_NMI | MAIL_INIT | MAIL_STARTUP,
};

// All members are atomic. What a flag announces is written before the flag.
struct vcpu_mail {
    struct posted_interrupts posted; // edge-triggered vectors, and enum mail_flag
    bool lint0;
    uint64_t level[MAIL_WORDS]; // level-triggered vectors
};

// A message that was found to be for this vCPU's local APIC, by lapic_is_addressed.
void vcpu_mail_message(struct vcpu *vcpu, const struct apic_message *message);
// The processor of another vCPU has put requests into the page of this one's local APIC.
void vcpu_mail_requested(struct vcpu *vcpu);
// The 8259s' INTR at its LINT0.
void vcpu_mail_lint0(struct vcpu *vcpu, bool level);

static inline bool vcpu_mail_waits(const struct vcpu_mail *mail)
{
    return __atomic_load_n(&mail->posted.flags, __ATOMIC_RELAXED) != 0;
}
