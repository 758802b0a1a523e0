// SPDX-License-Identifier: MIT
// The local APIC's messages: ICR, destinations, arrival (SDM Vol. 3A 11.6, 11.12.10).
#include "vmm/devices/lapic_ipi.h"

#include "arch/x86/apic_registers.h"
#include "vmm/devices/apic_message.h"
#include "vmm/devices/lapic.h"
#include "vmm/devices/lapic_private.h"
#include "vmm/util/types.h"

#define EVERYONE 0xffffffffU
#define XAPIC_EVERYONE 0xffU
#define DFR_FLAT 0xfU

static uint32_t icr_destination(const struct lapic *lapic, uint64_t icr)
{
    uint32_t destination;
    if (lapic->mode == LAPIC_X2APIC) {
        return (uint32_t)(icr >> APIC_ICR_DESTINATION_SHIFT);
    }
    destination = (uint32_t)(icr >> APIC_ICR_XAPIC_DESTINATION_SHIFT);
    return destination == XAPIC_EVERYONE ? EVERYONE : destination;
}

struct apic_message lapic_message(const struct lapic *lapic, uint64_t icr)
{
    enum apic_shorthand shorthand = icr >> APIC_ICR_SHORTHAND_SHIFT & 3;
    uint32_t destination = shorthand == APIC_SELF ? lapic->id : EVERYONE;
    return (struct apic_message){
        .vector = icr & APIC_ICR_VECTOR,
        .delivery = (enum apic_delivery)(icr >> APIC_ICR_DELIVERY_SHIFT & 7),
        .shorthand = shorthand,
        .logical = icr & APIC_ICR_LOGICAL,
        .level = false, // IPIs are edge-triggered, the bit counts for INIT alone (11.6.1)
        .destination = shorthand == APIC_NO_SHORTHAND ? icr_destination(lapic, icr) : destination,
    };
}

static bool logical_x2apic(const struct lapic *lapic, uint32_t destination)
{
    uint32_t ldr = lapic_x2apic_ldr(lapic);
    return destination >> 16 == ldr >> 16 && (destination & ldr & 0xffff);
}

static bool logical_xapic(const struct lapic *lapic, uint32_t destination)
{
    uint32_t ldr = lapic->ldr >> 24;
    if (lapic->dfr >> 28 == DFR_FLAT) {
        return destination & ldr & 0xff;
    }
    return destination >> 4 == ldr >> 4 && (destination & ldr & 0xf);
}

bool lapic_is_addressed(const struct lapic *lapic, const struct apic_message *message)
{
    if (lapic->mode == LAPIC_DISABLED) {
        return false;
    }
    if (message->destination == EVERYONE) {
        return true;
    }
    if (!message->logical) {
        return message->destination == lapic->id;
    }
    if (lapic->mode == LAPIC_X2APIC) {
        return logical_x2apic(lapic, message->destination);
    }
    return logical_xapic(lapic, message->destination);
}

void lapic_deliver(struct lapic *lapic, const struct apic_message *message)
{
    switch (message->delivery) {
    case APIC_FIXED:
    case APIC_LOWEST_PRIORITY:
        lapic_post(lapic, message->vector, message->level);
        break;
    case APIC_NMI:
        lapic->output->nmi(lapic->output);
        break;
    case APIC_INIT:
        lapic->output->init(lapic->output);
        break;
    case APIC_STARTUP:
        lapic->output->startup(lapic->output, message->vector);
        break;
    default: // SMI: a VM has no SMM. ExtINT and the reserved one mean nothing in a message.
        break;
    }
}

// Gives the message to this APIC, to others, or to both.
static void route(struct lapic *lapic, const struct apic_message *message)
{
    bool to_self = message->shorthand == APIC_SELF || message->shorthand == APIC_ALL;
    bool to_others = message->shorthand != APIC_SELF;
    if (message->shorthand == APIC_NO_SHORTHAND) {
        to_self = lapic_is_addressed(lapic, message);
        // A physical destination that is this APIC, or an arbitration that it has won: no other
        // APIC gets it.
        if (to_self && message->destination != EVERYONE && !message->logical) {
            to_others = false;
        }
        if (to_self && message->delivery == APIC_LOWEST_PRIORITY) {
            to_others = false;
        }
    }
    if (to_self) {
        lapic_deliver(lapic, message);
    }
    if (to_others) {
        lapic->output->send_ipi(lapic->output, message);
    }
}

// With "self" and "all including self" only fixed interrupts are valid (table 11-3).
static bool is_valid(const struct apic_message *message)
{
    if (message->shorthand == APIC_SELF || message->shorthand == APIC_ALL) {
        return message->delivery == APIC_FIXED;
    }
    return message->delivery != APIC_EXTINT && message->delivery != 3;
}

void lapic_send(struct lapic *lapic, uint64_t icr)
{
    struct apic_message message = lapic_message(lapic, icr);
    bool has_vector = message.delivery == APIC_FIXED || message.delivery == APIC_LOWEST_PRIORITY;
    // INIT with level de-assert only synchronises arbitration IDs, which this APIC does not have.
    if (message.delivery == APIC_INIT && (icr & APIC_ICR_LEVEL) && !(icr & APIC_ICR_ASSERT)) {
        return;
    }
    if (!is_valid(&message)) {
        return;
    }
    if (has_vector && message.vector < LAPIC_FIRST_VECTOR) {
        lapic_error(lapic, ERROR_SEND_VECTOR);
        return;
    }
    route(lapic, &message);
}
