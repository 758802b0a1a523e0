// SPDX-License-Identifier: MIT
// Attacks by the timers of the board: at their highest rates, by every way to a processor.
#include "guests/greedy/attack.h"
#include "guests/lib/hpet.h"
#include "guests/lib/ioapic.h"
#include "guests/lib/pic.h"
#include "guests/lib/pit.h"

#define PIT_DIVISOR 2 // the shortest period
#define PIT_PIN 2
#define HPET_FIRST_PIN 16
#define DESTINATION_SHIFT 24
#define DEAF_APIC_ID 1U

// Sends the interrupts of a pin to the second processor.
static void route(unsigned pin, uint32_t low)
{
    ioapic_set(pin, low);
    ioapic_write(IOAPIC_TABLE + 2 * pin + 1, DEAF_APIC_ID << DESTINATION_SHIFT);
}

static void start_hpet(uint32_t entry)
{
    hpet_quiet();
    for (unsigned timer = 0; timer < HPET_TIMERS; timer++) {
        route(HPET_FIRST_PIN + timer, entry);
        hpet_start(timer, TIMER_PERIODIC | TIMER_SET_VALUE, HPET_FIRST_PIN + timer, 1);
    }
}

static void pit_masked(void)
{
    pit_start_periodic(PIT_DIVISOR);
    attack_rest();
}

static void pit_wakes(void)
{
    pit_start_periodic(PIT_DIVISOR);
    pic_unmask(PIT_IRQ);
    attack_take_interrupts();
}

static void pit_to_the_deaf(void)
{
    route(PIT_PIN, SINK_VECTOR);
    pit_masked();
}

static void hpet_masked(void)
{
    start_hpet((uint32_t)ENTRY_MASKED);
    attack_rest();
}

static void hpet_to_the_deaf(void)
{
    start_hpet(SINK_VECTOR);
    attack_rest();
}

// The handler ends the interrupt and leaves the line as it is.
static void level_stays(void)
{
    hpet_raise_level(0, HPET_FIRST_PIN);
    ioapic_set(HPET_FIRST_PIN, (uint32_t)ENTRY_LEVEL | SINK_VECTOR);
    attack_take_interrupts();
}

static const struct attack attacks[] = {
    {"pit-masked", pit_masked, NULL, false},
    {"pit-wakes", pit_wakes, NULL, false},
    {"pit-to-the-deaf", pit_to_the_deaf, attack_halt_deaf, false},
    {"hpet-masked", hpet_masked, NULL, false},
    {"hpet-to-the-deaf", hpet_to_the_deaf, attack_halt_deaf, false},
    {"level-stays", level_stays, NULL, false},
};

const struct attack_group device_timers_group = {attacks, ARRAY_SIZE(attacks)};
