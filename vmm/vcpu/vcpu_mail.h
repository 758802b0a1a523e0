// SPDX-License-Identifier: MIT
// Interrupts and signals for a vCPU. Any CPU leaves them here, and the vCPU's own CPU takes them.
#pragma once

#include "vmm/backend.h"
#include "vmm/util/types.h"

struct vcpu;
struct apic_message;

#define MAIL_WORDS (256 / 64)

enum mail_flag {
    MAIL_VECTORS = POSTED_ON, // a bit of `posted.vectors` is set
    MAIL_NMI = BIT(1),
    MAIL_INIT = BIT(2),
    MAIL_STARTUP = BIT(3), // SIPI; if there is an INIT too, the SIPI came after it
    MAIL_LINT0_ROSE = BIT(4),
    MAIL_LINT0 = BIT(5),     // the level of the pin has changed
    MAIL_LEVEL = BIT(6),     // a bit of `level` is set
    MAIL_REQUESTED = BIT(7), // a processor has requested interrupts in the APIC's page
    MAIL_STARTUP_SHIFT = 8,
    MAIL_STARTUP_VECTOR = 0xff << MAIL_STARTUP_SHIFT,
    MAIL_NMI_AGAIN = BIT(16), // a second NMI after that of MAIL_NMI
    MAIL_EXTINT = BIT(17),    // the I/O APIC asks for a vector of the 8259s
    MAIL_KICK = BIT(18),      // ends a HLT
    MAIL_VIRTIO = BIT(19),    // something came from outside for a virtio device of the VM

    // What wakes even a vCPU that has halted with interrupts off or that waits for a SIPI.
    MAIL_WAKES_ALL = MAIL_NMI | MAIL_INIT | MAIL_STARTUP | MAIL_KICK,
};

// All members are atomic. A flag is set after the data that it announces.
struct vcpu_mail {
    struct posted_interrupts posted; // edge-triggered vectors, and enum mail_flag
    bool lint0;
    uint64_t level[MAIL_WORDS]; // level-triggered vectors
};

// A message that is meant for this vCPU's local APIC (lapic_is_addressed).
void vcpu_mail_message(struct vcpu *vcpu, const struct apic_message *message);
// Ends the HLT that the vCPU is in; if it is in none, the next one.
void vcpu_mail_kick(struct vcpu *vcpu);
// Another vCPU's processor has requested interrupts in the page of this vCPU's local APIC.
void vcpu_mail_requested(struct vcpu *vcpu);
// The level of the 8259s' INTR, which is wired to the vCPU's LINT0.
void vcpu_mail_lint0(struct vcpu *vcpu, bool level);
// Something has come for a virtio device of the VM, whose first vCPU this is (pc_virtio_arrived).
void vcpu_mail_virtio(struct vcpu *vcpu);

static inline bool vcpu_mail_waits(const struct vcpu_mail *mail)
{
    return __atomic_load_n(&mail->posted.flags, __ATOMIC_RELAXED) != 0;
}
