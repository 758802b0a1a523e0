// SPDX-License-Identifier: MIT
// Every vector by every way to the local APIC, every destination, every delivery mode to itself.
#include "arch/x86/msr_numbers.h"
#include "guests/hostile/groups.h"
#include "guests/hostile/machine.h"
#include "guests/lib/apic.h"
#include "guests/lib/ioapic.h"
#include "guests/lib/pic.h"
#include "guests/lib/port.h"

#define VECTORS 256U
#define FIRST_LEGAL 16U
#define VECTOR 0x51U
#define SETTLE_SPINS 2000U
#define PATIENT_SPINS 3000000U // the timer of a busy host may be late
#define ERROR_LOOKS 2000U
#define DIVIDE_BY_1 0xb
#define RESERVED_REGISTER 0x040
#define ESR_SEND_ILLEGAL 0x20U
#define ESR_RECEIVE_ILLEGAL 0x40U
#define UART_INTERRUPT_ENABLE 0x3f9
#define UART_IRQ 4
#define ENABLE_TRANSMITTER 2
#define ICR_LOGICAL 0x800U
#define ICR_ALL 0x80000U
#define ICR_DELIVERY_SHIFT 8
#define ICR_TRIGGER_SHIFT 14
#define DELIVERY_NMI 4U
#define DELIVERY_INIT 5U
#define DELIVERY_MODES 8U
#define INIT_DEASSERT 0x8500U
#define FLAT UINT32_MAX
#define CLUSTER 0x0fffffffU

static void clear_errors(void)
{
    apic_write(APIC_ESR, 0);
    apic_write(APIC_ESR, 0);
}

// Waits for one of the errors `wanted`. Returns the errors for illegal vectors since the last call.
static uint32_t illegal_vectors(uint32_t wanted)
{
    uint32_t seen = 0;
    for (unsigned i = 0; i < ERROR_LOOKS; i++) {
        apic_write(APIC_ESR, 0);
        seen |= apic_read(APIC_ESR) & (ESR_SEND_ILLEGAL | ESR_RECEIVE_ILLEGAL);
        if (wanted == 0 || (seen & wanted) != 0) {
            break;
        }
    }
    return seen;
}

// Lets interrupts in for a while, or until one of `vector` has come. Returns how many have come.
static uint32_t take(unsigned vector, uint32_t before, unsigned spins)
{
    cpu_interrupts_on();
    for (unsigned i = 0; i < spins && machine_interrupts(vector) == before; i++) {
        cpu_pause();
    }
    cpu_interrupts_off();
    return machine_interrupts(vector) - before;
}

// Each legal vector must come once, and no other vector. A vector below 16 is an error instead.
static enum outcome every_vector(void (*raise)(unsigned vector), uint32_t error, unsigned spins)
{
    machine_take_apic_vectors();
    for (unsigned vector = 0; vector < VECTORS; vector++) {
        const uint32_t before = machine_interrupts(vector);
        const uint32_t strays = machine_interrupts(0);
        clear_errors();
        raise(vector);
        const bool legal = vector >= FIRST_LEGAL;
        const uint32_t come = take(vector, before, legal ? spins : SETTLE_SPINS);
        const uint32_t seen = illegal_vectors(legal ? 0 : error);
        if (come != (legal ? 1 : 0) || (vector != 0 && machine_interrupts(0) != strays)) {
            return attempt_wrong("vector and count", vector << 8 | come);
        }
        if ((seen != 0) == legal || (seen & ~error) != 0) {
            return attempt_wrong("vector and errors", vector << 8 | seen);
        }
    }
    return OUTCOME_DONE;
}

static void raise_by_timer(unsigned vector)
{
    apic_write(APIC_LVT_TIMER, vector);
    apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
    apic_write(APIC_TIMER_INITIAL, 1);
}

static void raise_by_deadline(unsigned vector)
{
    apic_write(APIC_LVT_TIMER, (uint32_t)APIC_LVT_TSC_DEADLINE | vector);
    msr_write(IA32_TSC_DEADLINE, tsc_read() + 1);
}

static void raise_by_error(unsigned vector)
{
    apic_write(APIC_LVT_ERROR, vector);
    (void)xapic_read(RESERVED_REGISTER);
}

// The UART raises an input of the 8259, and the 8259 raises LINT0.
static void raise_by_lint0(unsigned vector)
{
    apic_write(APIC_LVT_LINT0, vector);
    pic_unmask(UART_IRQ);
    out8(UART_INTERRUPT_ENABLE, ENABLE_TRANSMITTER);
    out8(UART_INTERRUPT_ENABLE, 0);
    pic_mask_all();
}

static void raise_by_ioapic(unsigned vector)
{
    ioapic_set(UART_IRQ, vector);
    out8(UART_INTERRUPT_ENABLE, ENABLE_TRANSMITTER);
    out8(UART_INTERRUPT_ENABLE, 0);
}

static void raise_by_shorthand(unsigned vector)
{
    apic_write(APIC_ICR, (uint32_t)(APIC_ICR_SELF | APIC_ICR_ASSERT) | vector);
}

static void raise_by_id(unsigned vector)
{
    apic_write(APIC_ICR_HIGH, apic_read(APIC_ID));
    apic_write(APIC_ICR, (uint32_t)APIC_ICR_ASSERT | vector);
}

static void raise_for_all(unsigned vector)
{
    apic_write(APIC_ICR, ICR_ALL | (uint32_t)APIC_ICR_ASSERT | vector);
}

static void raise_by_self_ipi(unsigned vector)
{
    apic_write(APIC_SELF_IPI, vector);
}

#define EVERY_VECTOR(name, raise, error, spins)                                                    \
    static enum outcome name(void)                                                                 \
    {                                                                                              \
        return every_vector(raise, error, spins);                                                  \
    }

EVERY_VECTOR(timer_vectors, raise_by_timer, ESR_RECEIVE_ILLEGAL, PATIENT_SPINS)
EVERY_VECTOR(error_vectors, raise_by_error, ESR_RECEIVE_ILLEGAL, SETTLE_SPINS)
EVERY_VECTOR(lint0_vectors, raise_by_lint0, ESR_RECEIVE_ILLEGAL, SETTLE_SPINS)
EVERY_VECTOR(ioapic_vectors, raise_by_ioapic, ESR_RECEIVE_ILLEGAL, SETTLE_SPINS)
EVERY_VECTOR(shorthand_vectors, raise_by_shorthand, ESR_SEND_ILLEGAL | ESR_RECEIVE_ILLEGAL,
             SETTLE_SPINS)
EVERY_VECTOR(id_vectors, raise_by_id, ESR_SEND_ILLEGAL, SETTLE_SPINS)
EVERY_VECTOR(all_vectors, raise_for_all, ESR_SEND_ILLEGAL, SETTLE_SPINS)

static enum outcome deadline_vectors(void)
{
    return apic_has_tsc_deadline()
               ? every_vector(raise_by_deadline, ESR_RECEIVE_ILLEGAL, PATIENT_SPINS)
               : OUTCOME_DONE;
}

static enum outcome x2apic_vectors(void (*raise)(unsigned vector), uint32_t error, unsigned spins)
{
    if (!apic_has_x2apic()) {
        return OUTCOME_DONE;
    }
    apic_set_mode(APIC_MODE_X2APIC);
    return every_vector(raise, error, spins);
}

static enum outcome x2apic_icr_vectors(void)
{
    return x2apic_vectors(raise_by_shorthand, ESR_SEND_ILLEGAL | ESR_RECEIVE_ILLEGAL, SETTLE_SPINS);
}

static enum outcome self_ipi_vectors(void)
{
    return x2apic_vectors(raise_by_self_ipi, ESR_SEND_ILLEGAL | ESR_RECEIVE_ILLEGAL, SETTLE_SPINS);
}

static enum outcome x2apic_timer_vectors(void)
{
    return x2apic_vectors(raise_by_timer, ESR_RECEIVE_ILLEGAL, PATIENT_SPINS);
}

// A destination, and whether this processor, with APIC ID 0, is meant.
struct destination {
    uint32_t dfr;
    uint32_t ldr; // the upper 8 bits
    uint32_t logical;
    uint32_t to;
    bool arrives;
};

static const struct destination destinations[] = {
    {FLAT, 0x04, 0, 0x00, true},
    {FLAT, 0x04, 0, 0x01, false},
    {FLAT, 0x04, 0, 0x04, false},
    {FLAT, 0x04, 0, 0xff, true},
    {FLAT, 0x04, ICR_LOGICAL, 0x04, true},
    {FLAT, 0x04, ICR_LOGICAL, 0x05, true},
    {FLAT, 0x04, ICR_LOGICAL, 0xfb, false},
    {FLAT, 0x04, ICR_LOGICAL, 0x00, false},
    {FLAT, 0x04, ICR_LOGICAL, 0xff, true},
    {FLAT, 0x80, ICR_LOGICAL, 0x80, true},
    {FLAT, 0x00, ICR_LOGICAL, 0x01, false},
    {FLAT, 0x00, ICR_LOGICAL, 0xff, true},
    {CLUSTER, 0x32, ICR_LOGICAL, 0x32, true},
    {CLUSTER, 0x32, ICR_LOGICAL, 0x33, true},
    {CLUSTER, 0x32, ICR_LOGICAL, 0x31, false},
    {CLUSTER, 0x32, ICR_LOGICAL, 0x30, false},
    {CLUSTER, 0x32, ICR_LOGICAL, 0x22, false},
    {CLUSTER, 0x32, ICR_LOGICAL, 0xff, true},
};

static enum outcome xapic_destinations(void)
{
    machine_take_apic_vectors();
    for (unsigned i = 0; i < ARRAY_SIZE(destinations); i++) {
        const struct destination *d = &destinations[i];
        const uint32_t before = machine_interrupts(VECTOR);
        xapic_write(APIC_DFR, d->dfr);
        xapic_write(APIC_LDR, d->ldr << 24);
        xapic_write(APIC_ICR_HIGH, d->to << 24);
        xapic_write(APIC_ICR, d->logical | (uint32_t)APIC_ICR_ASSERT | VECTOR);
        if (take(VECTOR, before, SETTLE_SPINS) != (d->arrives ? 1 : 0)) {
            return attempt_wrong("destination number", i);
        }
    }
    return OUTCOME_DONE;
}

// The logical ID follows from the APIC ID: the first member of cluster 0. 0xff has no special
// meaning here.
static enum outcome x2apic_destinations(void)
{
    static const struct destination list[] = {
        {0, 0, 0, 0, true},
        {0, 0, 0, 1, false},
        {0, 0, 0, 0xff, false},
        {0, 0, 0, UINT32_MAX, true},
        {0, 0, ICR_LOGICAL, 1, true},
        {0, 0, ICR_LOGICAL, 0xffff, true},
        {0, 0, ICR_LOGICAL, 0xfffe, false},
        {0, 0, ICR_LOGICAL, 0, false},
        {0, 0, ICR_LOGICAL, 0x10001, false},
        {0, 0, ICR_LOGICAL, UINT32_MAX, true},
    };
    if (!apic_has_x2apic()) {
        return OUTCOME_DONE;
    }
    machine_take_apic_vectors();
    apic_set_mode(APIC_MODE_X2APIC);
    for (unsigned i = 0; i < ARRAY_SIZE(list); i++) {
        const uint32_t before = machine_interrupts(VECTOR);
        msr_write(APIC_X2APIC_MSR(APIC_ICR),
                  (uint64_t)list[i].to << 32 | list[i].logical | APIC_ICR_ASSERT | VECTOR);
        if (take(VECTOR, before, SETTLE_SPINS) != (list[i].arrives ? 1 : 0)) {
            return attempt_wrong("destination number", i);
        }
    }
    return OUTCOME_DONE;
}

// Sends a command. Returns the number of interrupts of VECTOR that it brought, and above that the
// number of NMIs.
static uint32_t send(uint32_t command)
{
    const uint32_t before = machine_interrupts(VECTOR);
    const uint32_t nmis = machine_interrupts(VECTOR_NMI);
    xapic_write(APIC_ICR_HIGH, xapic_read(APIC_ID));
    xapic_write(APIC_ICR, command | VECTOR);
    const uint32_t come = take(VECTOR, before, SETTLE_SPINS);
    return (machine_interrupts(VECTOR_NMI) - nmis) << 8 | come;
}

// Fixed and lowest priority give an interrupt, NMI gives an NMI. All other modes must do nothing to
// a processor that runs. INIT is left out, because it would end this guest.
static enum outcome delivery_modes(void)
{
    machine_take_apic_vectors();
    for (uint32_t mode = 0; mode < DELIVERY_MODES; mode++) {
        const uint32_t wanted = mode <= 1 ? 1 : mode == DELIVERY_NMI ? 0x100 : 0;
        for (uint32_t trigger = 0; mode != DELIVERY_INIT && trigger < 4; trigger++) {
            const uint32_t come = send(mode << ICR_DELIVERY_SHIFT | trigger << ICR_TRIGGER_SHIFT);
            if (come != wanted) {
                return attempt_wrong("mode and what came", mode << 16 | come);
            }
        }
    }
    return OUTCOME_DONE;
}

// The shorthands "self" and "all including self" can send only fixed interrupts (table 10-3).
static enum outcome shorthand_modes(void)
{
    static const uint32_t shorthands[] = {APIC_ICR_SELF, ICR_ALL};
    machine_take_apic_vectors();
    for (uint32_t mode = 1; mode < DELIVERY_MODES; mode++) {
        for (unsigned i = 0; i < ARRAY_SIZE(shorthands); i++) {
            const uint32_t come =
                send(shorthands[i] | mode << ICR_DELIVERY_SHIFT | (uint32_t)APIC_ICR_ASSERT);
            if (come != 0) {
                return attempt_wrong("mode and what came", mode << 16 | come);
            }
        }
    }
    return OUTCOME_DONE;
}

// INIT level de-assert set the arbitration IDs of old processors. It never was an INIT.
static enum outcome init_deassert(void)
{
    machine_take_apic_vectors();
    return send(INIT_DEASSERT) == 0 && send(ICR_ALL | INIT_DEASSERT) == 0
               ? OUTCOME_DONE
               : attempt_wrong("something came", 0);
}

static const struct attempt attempts[] = {
    {"every vector by the APIC's timer", timer_vectors, DONE},
    {"every vector by its TSC deadline", deadline_vectors, DONE},
    {"every vector by its error interrupt", error_vectors, DONE},
    {"every vector by LINT0", lint0_vectors, DONE},
    {"every vector by the I/O APIC", ioapic_vectors, DONE},
    {"every vector as an IPI to itself", shorthand_vectors, DONE},
    {"every vector as an IPI to its own ID", id_vectors, DONE},
    {"every vector as an IPI to all", all_vectors, DONE},
    {"every vector by the x2APIC's timer", x2apic_timer_vectors, DONE},
    {"every vector by the x2APIC's ICR", x2apic_icr_vectors, DONE},
    {"every vector by SELF IPI", self_ipi_vectors, DONE},
    {"destinations that are and are not this one", xapic_destinations, DONE},
    {"the same of the x2APIC", x2apic_destinations, DONE},
    {"every delivery mode to itself", delivery_modes, DONE},
    {"every delivery mode by shorthand", shorthand_modes, DONE},
    {"INIT level de-assert", init_deassert, DONE},
};

const struct attempt_group apic_vectors_group = {attempts, ARRAY_SIZE(attempts)};
