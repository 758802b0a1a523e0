// SPDX-License-Identifier: MIT
// The local APIC's messages (SDM Vol. 3A 11.6, 11.12.10).
#pragma once

#include "vmm/devices/apic_message.h"
#include "vmm/devices/lapic.h"
#include "vmm/util/types.h"

// The logical ID in x2APIC mode (11.12.10.2): cluster, and one bit within it.
static inline uint32_t lapic_x2apic_ldr(const struct lapic *lapic)
{
    return (lapic->id >> 4) << 16 | 1U << (lapic->id & 0xf);
}

// Whether the destination of a message includes this APIC. The message's shorthand does not count.
bool lapic_is_addressed(const struct lapic *lapic, const struct apic_message *message);
// Takes a message whose destination includes this APIC.
void lapic_deliver(struct lapic *lapic, const struct apic_message *message);

// ---- For the other files of the local APIC model ----

// Sends the message that the whole ICR describes.
void lapic_send(struct lapic *lapic, uint64_t icr);
// That message, without sending it.
struct apic_message lapic_message(const struct lapic *lapic, uint64_t icr);
