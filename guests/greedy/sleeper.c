// SPDX-License-Identifier: MIT
// A VM that sleeps most of the time, and tells how late its timers are.
#include "guests/greedy/attack.h"
#include "guests/greedy/time.h"
#include "guests/greedy/victim.h"
#include "guests/lib/apic.h"
#include "guests/lib/arrival.h"
#include "guests/lib/descriptors.h"
#include "guests/lib/hpet.h"
#include "guests/lib/ioapic.h"
#include "guests/lib/options.h"
#include "guests/lib/pic.h"
#include "guests/lib/pit.h"
#include "guests/lib/port.h"
#include "guests/lib/print.h"
#include "guests/lib/sort.h"

#define ROUNDS_MAX 4096U
#define US_PER_S 1000000ULL
#define PIN 16
#define HPET_TICKS_A_US 100 // in a VM
#define UART_IRQ 4
#define UART_INTERRUPT_ENABLE 0x3f9
#define UART_INTERRUPT_ID 0x3fa
#define TRANSMITTER_EMPTY 0x02

// Something that interrupts after a while. The device's own clock is read at one moment between two
// readings of the TSC; the middle is taken for that moment.
struct source {
    const char *name;
    unsigned vector;
    uint64_t (*arm)(uint64_t us); // returns the TSC at the due time
    void (*end)(void);            // ends the interrupt
};

static uint64_t arm_deadline(uint64_t us)
{
    const uint64_t due = tsc_read() + time_ticks(us);
    time_wake_at(due);
    return due;
}

static void end_apic(void)
{
    xapic_write(APIC_EOI, 0);
}

static uint64_t arm_hpet(uint64_t us)
{
    ioapic_set(PIN, SINK_VECTOR);
    const uint64_t before = tsc_read();
    const uint64_t count = *hpet_at(HPET_COUNTER);
    const uint64_t after = tsc_read();
    hpet_start(0, 0, PIN, count + us * HPET_TICKS_A_US);
    return before + (after - before) / 2 + time_ticks(us);
}

static uint64_t arm_pit(uint64_t us)
{
    const uint64_t count = us * PIT_HZ / US_PER_S;
    pic_unmask(PIT_IRQ);
    pit_stop(); // the mode that is wanted here: it interrupts once
    out8(PIT_CHANNEL0, (uint8_t)count);
    const uint64_t before = tsc_read();
    out8(PIT_CHANNEL0, (uint8_t)(count >> 8));
    const uint64_t after = tsc_read();
    return before + (after - before) / 2 + time_ticks(US_PER_S) * (count + 1) / PIT_HZ;
}

static void end_pit(void)
{
    pic_end_of_interrupt(PIT_IRQ);
}

// The transmitter is empty, so the interrupt is due when it is enabled.
static uint64_t arm_uart(uint64_t us)
{
    (void)us;
    pic_unmask(UART_IRQ);
    print_flush();
    const uint64_t now = tsc_read();
    out8(UART_INTERRUPT_ENABLE, TRANSMITTER_EMPTY);
    return now;
}

static void end_uart(void)
{
    in8(UART_INTERRUPT_ID);
    out8(UART_INTERRUPT_ENABLE, 0);
    pic_end_of_interrupt(UART_IRQ);
}

static const struct source sources[] = {
    {"deadline", TIMER_VECTOR, arm_deadline, end_apic},
    {"hpet", SINK_VECTOR, arm_hpet, end_apic},
    {"pit", PIC_VECTOR + PIT_IRQ, arm_pit, end_pit},
    {"uart", PIC_VECTOR + UART_IRQ, arm_uart, end_uart},
};

static const struct source *find_source(const char *line)
{
    for (unsigned i = 1; i < ARRAY_SIZE(sources); i++) {
        if (option_lists(line, "source", sources[i].name)) {
            return &sources[i];
        }
    }
    return &sources[0];
}

static void wait_for_arrival(bool awake)
{
    if (awake) {
        cpu_interrupts_on();
        while (!arrived) {
        }
        cpu_interrupts_off();
    }
    while (!arrived) {
        cpu_wait_for_interrupt();
    }
}

static void measure(const struct source *source, const char *line, uint32_t *late, unsigned rounds)
{
    const uint64_t period_us = option_number(line, "period", 1000);
    const bool awake = option_word(line, "awake");
    for (unsigned i = 0; i < rounds; i++) {
        arrived = 0;
        const uint64_t due = source->arm(period_us);
        wait_for_arrival(awake);
        source->end();
        late[i] = (uint32_t)(arrival_tsc > due ? arrival_tsc - due : 0);
        attack_compute(period_us / 100);
        cpu_interrupts_off();
    }
}

uint8_t victim_sleep(const char *line)
{
    static uint32_t late[ROUNDS_MAX];
    const unsigned wanted = (unsigned)MIN(option_number(line, "rounds", 100), ROUNDS_MAX);
    const unsigned rounds = MAX(wanted, 1U);
    const struct source *source = find_source(line);
    apic_set_mode(APIC_MODE_XAPIC);
    hpet_quiet();
    idt_set(source->vector, (const void *)(uintptr_t)arrival_handler, 0, 0);
    print("greedy: sleeper begins\n");
    measure(source, line, late, rounds);
    time_sleep(option_number(line, "rest", 0));
    sort_numbers(late, rounds);
    const uint32_t ninety_ninth = late[(rounds - 1) * 99 / 100];
    const uint32_t worst = late[rounds - 1];
    const uint32_t median = late[rounds / 2];
    print("greedy: sleeper: %u %u %u ticks, %lu %lu %lu us\n", median, ninety_ninth, worst,
          time_us(median), time_us(ninety_ninth), time_us(worst));
    return 0;
}
