// SPDX-License-Identifier: MIT
// Attempts with interrupts: storms, every kind of IPI, priorities.
#include "guests/hostile/groups.h"
#include "guests/hostile/machine.h"
#include "guests/lib/apic.h"
#include "guests/lib/pic.h"
#include "guests/lib/pit.h"
#include "guests/lib/port.h"
#include "guests/lib/traps.h"

#define STORM_INTERRUPTS 500
#define STORM_SPINS 3000000U
#define SETTLE_SPINS 2000U
#define IPI_VECTOR 0x70
#define TIMER_VECTOR 0x71
#define UART_INTERRUPT_ENABLE 0x3f9
#define UART_IRQ 4
#define ENABLE_TRANSMITTER 2
#define ABSENT_APIC 5U
#define DELIVERY_SHIFT 8
#define DELIVERY_SMI 2
#define DELIVERY_NMI 4
#define DELIVERY_MODES 8
#define SHORTHAND_OTHERS (3U << 18)
#define VECTOR_COUNT 256U

static void settle(void)
{
    for (volatile unsigned i = 0; i < SETTLE_SPINS; i++) {
    }
}

// Lets interrupts in until `wanted` of one vector have come.
static enum outcome wait_for(unsigned vector, uint32_t wanted)
{
    const uint32_t start = machine_interrupts(vector);
    machine_limit_interrupts(STORM_INTERRUPTS);
    cpu_interrupts_on();
    for (unsigned i = 0; i < STORM_SPINS; i++) {
        if (machine_interrupts(vector) - start >= wanted) {
            cpu_interrupts_off();
            machine_limit_interrupts(0);
            return OUTCOME_DONE;
        }
    }
    cpu_interrupts_off();
    machine_limit_interrupts(0);
    return attempt_wrong("interrupts", machine_interrupts(vector) - start);
}

static enum outcome pit_storm(void)
{
    pit_start_periodic(2); // 600 kHz
    pic_unmask(PIT_IRQ);
    return wait_for(PIC_VECTOR + PIT_IRQ, 10);
}

static enum outcome apic_timer_storm(void)
{
    xapic_write(APIC_TIMER_DIVIDE, 0xb); // by 1
    xapic_write(APIC_LVT_TIMER, APIC_LVT_PERIODIC | TIMER_VECTOR);
    xapic_write(APIC_TIMER_INITIAL, 1);
    return wait_for(TIMER_VECTOR, 10);
}

static enum outcome ipi_storm(void)
{
    const uint32_t start = machine_interrupts(IPI_VECTOR);
    cpu_interrupts_on();
    for (unsigned i = 0; i < STORM_INTERRUPTS; i++) {
        xapic_write(APIC_ICR, APIC_ICR_SELF | APIC_ICR_ASSERT | IPI_VECTOR);
        settle();
    }
    cpu_interrupts_off();
    const uint32_t come = machine_interrupts(IPI_VECTOR) - start;
    return come == STORM_INTERRUPTS ? OUTCOME_DONE : attempt_wrong("interrupts", come);
}

static enum outcome uart_storm(void)
{
    pic_unmask(UART_IRQ);
    const uint32_t start = machine_interrupts(PIC_VECTOR + UART_IRQ);
    cpu_interrupts_on();
    for (unsigned i = 0; i < STORM_INTERRUPTS; i++) {
        out8(UART_INTERRUPT_ENABLE, ENABLE_TRANSMITTER);
        out8(UART_INTERRUPT_ENABLE, 0);
    }
    cpu_interrupts_off();
    const uint32_t come = machine_interrupts(PIC_VECTOR + UART_IRQ) - start;
    return come > 0 ? OUTCOME_DONE : attempt_wrong("interrupts", come);
}

static enum outcome all_lines(void)
{
    out8(PIC_MASTER_DATA, 0);
    out8(PIC_SLAVE_DATA, 0);
    pit_start_periodic(1000);
    const enum outcome outcome = wait_for(PIC_VECTOR + PIT_IRQ, 5);
    pic_mask_all();
    return outcome;
}

static void send(uint32_t destination, uint32_t low)
{
    xapic_write(APIC_ICR_HIGH, destination << 24);
    xapic_write(APIC_ICR, low);
}

static enum outcome nmi_to_self(void)
{
    const uint32_t start = machine_interrupts(VECTOR_NMI);
    send(xapic_read(APIC_ID) >> 24, APIC_ICR_ASSERT | DELIVERY_NMI << DELIVERY_SHIFT);
    settle();
    const uint32_t come = machine_interrupts(VECTOR_NMI) - start;
    return come == 1 ? OUTCOME_DONE : attempt_wrong("NMIs", come);
}

static enum outcome smi_to_self(void)
{
    send(xapic_read(APIC_ID) >> 24, APIC_ICR_ASSERT | DELIVERY_SMI << DELIVERY_SHIFT);
    settle();
    return OUTCOME_DONE;
}

static enum outcome send_all_modes(uint32_t destination, uint32_t shorthand)
{
    for (uint32_t mode = 0; mode < DELIVERY_MODES; mode++) {
        for (uint32_t vector = 0; vector < VECTOR_COUNT; vector += 5) {
            send(destination, shorthand | APIC_ICR_ASSERT | mode << DELIVERY_SHIFT | vector);
        }
    }
    settle();
    return OUTCOME_DONE;
}

static enum outcome ipis_to_nobody(void)
{
    return send_all_modes(ABSENT_APIC, 0);
}

static enum outcome ipis_to_all_others(void)
{
    return send_all_modes(0, SHORTHAND_OTHERS);
}

// Vectors below 16 are illegal: the error status must say so, and no interrupt may come.
static enum outcome illegal_vector(void)
{
    xapic_write(APIC_ESR, 0);
    cpu_interrupts_on();
    xapic_write(APIC_ICR, APIC_ICR_SELF | APIC_ICR_ASSERT | 5);
    settle();
    cpu_interrupts_off();
    xapic_write(APIC_ESR, 0);
    const uint32_t error = xapic_read(APIC_ESR);
    return (error & 0x60) != 0 ? OUTCOME_DONE : attempt_wrong("ESR", error);
}

// A request below the task priority must wait until the priority falls.
static enum outcome priority(void)
{
    const uint32_t start = machine_interrupts(IPI_VECTOR);
    cr8_write(IPI_VECTOR >> 4);
    cpu_interrupts_on();
    xapic_write(APIC_ICR, APIC_ICR_SELF | APIC_ICR_ASSERT | IPI_VECTOR);
    settle();
    if (machine_interrupts(IPI_VECTOR) != start) {
        cpu_interrupts_off();
        return attempt_wrong("came too early", 1);
    }
    cr8_write(0);
    settle();
    cpu_interrupts_off();
    const uint32_t come = machine_interrupts(IPI_VECTOR) - start;
    return come == 1 ? OUTCOME_DONE : attempt_wrong("interrupts", come);
}

// STI and MOV to SS hold interrupts off for one instruction.
static enum outcome shadow(void)
{
    const uint32_t start = machine_interrupts(IPI_VECTOR);
    xapic_write(APIC_ICR, APIC_ICR_SELF | APIC_ICR_ASSERT | IPI_VECTOR);
    settle();
    __asm__ volatile("sti\n\tcli" ::: "memory");
    if (machine_interrupts(IPI_VECTOR) != start) {
        return attempt_wrong("came between STI and CLI", 1);
    }
    return wait_for(IPI_VECTOR, 1);
}

// CPUID exits in the shadow of STI. The shadow must end with it, and the interrupt must come.
static enum outcome shadow_over_exit(void)
{
    const uint32_t start = machine_interrupts(IPI_VECTOR);
    xapic_write(APIC_ICR, APIC_ICR_SELF | APIC_ICR_ASSERT | IPI_VECTOR);
    settle();
    __asm__ volatile("xor %%eax, %%eax\n\tsti\n\tcpuid\n\tnop\n\tnop\n\tcli" ::
                         : "rax", "rbx", "rcx", "rdx", "memory");
    const uint32_t come = machine_interrupts(IPI_VECTOR) - start;
    return come == 1 ? OUTCOME_DONE : attempt_wrong("interrupts", come);
}

static enum outcome halt_and_wake(void)
{
    const uint32_t start = machine_interrupts(TIMER_VECTOR);
    for (unsigned i = 1; i <= 20; i++) {
        xapic_write(APIC_LVT_TIMER, TIMER_VECTOR);
        xapic_write(APIC_TIMER_INITIAL, 10000);
        cpu_wait_for_interrupt();
        if (machine_interrupts(TIMER_VECTOR) - start != i) {
            return attempt_wrong("round", i);
        }
    }
    return OUTCOME_DONE;
}

static const struct attempt attempts[] = {
    {"the PIT at its highest rate", pit_storm, DONE},
    {"the APIC timer at its highest rate", apic_timer_storm, DONE},
    {"500 IPIs to itself", ipi_storm, DONE},
    {"the UART's interrupt 500 times", uart_storm, DONE},
    {"all lines of the 8259s open", all_lines, DONE},
    {"NMI to itself", nmi_to_self, DONE},
    {"SMI to itself", smi_to_self, DONE},
    {"every kind of IPI to nobody", ipis_to_nobody, DONE},
    {"every kind of IPI to all others", ipis_to_all_others, DONE},
    {"an IPI with an illegal vector", illegal_vector, DONE},
    {"an IPI below the task priority", priority, DONE},
    {"the shadow of STI", shadow, DONE},
    {"the shadow of STI over an exit", shadow_over_exit, DONE},
    {"HLT and the APIC timer, 20 times", halt_and_wake, DONE},
};

const struct attempt_group interrupts_group = {attempts, ARRAY_SIZE(attempts)};
