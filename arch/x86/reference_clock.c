// SPDX-License-Identifier: MIT
// The ACPI PM timer (ACPI 4.8.3.3), the HPET (IA-PC HPET 2.3) and PIT channel 2 (8254 data sheet)
// as counters.
#include "arch/x86/reference_clock.h"

#include "arch/x86/acpi.h"
#include "arch/x86/acpi_layout.h"
#include "arch/x86/feature_switches.h"
#include "arch/x86/features.h"
#include "arch/x86/io.h"
#include "arch/x86/machine_memory.h"
#include "arch/x86/paging.h"

#define PM_TIMER_HZ 3579545
#define PIT_HZ 1193182
#define FEMTOSECONDS_PER_SECOND 1000000000000000ULL
#define HPET_PERIOD_MAX 100000000 // fs; the specification allows no higher value
#define READS_FOR_ONE_TICK 100000

#define HPET_BYTES 0x400
#define HPET_PERIOD (0x04 / 4) // registers as indexes of 32-bit words
#define HPET_CONFIGURATION (0x10 / 4)
#define HPET_COUNTER (0xf0 / 4)
#define HPET_ENABLE BIT(0)

#define PIT_CHANNEL_2 0x42
#define PIT_COMMAND 0x43
#define PIT_CHANNEL_2_RATE 0xb4  // channel 2, both bytes, mode 2
#define PIT_CHANNEL_2_LATCH 0x80 // channel 2, latch
#define SPEAKER_PORT 0x61
#define SPEAKER_GATE BIT(0)
#define SPEAKER_ON BIT(1)

static uint16_t pm_timer_port;
static volatile const uint32_t *pm_timer_memory;
static volatile uint32_t *hpet;

static uint64_t read_pm_timer(void)
{
    return pm_timer_memory ? *pm_timer_memory : inl(pm_timer_port);
}

static uint64_t read_hpet(void)
{
    return hpet[HPET_COUNTER];
}

// The PIT counts down.
static uint64_t read_pit(void)
{
    outb(PIT_COMMAND, PIT_CHANNEL_2_LATCH);
    uint32_t low = inb(PIT_CHANNEL_2);
    uint32_t high = inb(PIT_CHANNEL_2);
    return UINT16_MAX - (high << 8 | low);
}

static struct reference_clock pm_timer_clock = {
    .name = "PM timer", .hz = PM_TIMER_HZ, .read = read_pm_timer};
static struct reference_clock hpet_clock = {.name = "HPET", .mask = UINT32_MAX, .read = read_hpet};
static const struct reference_clock pit_clock = {
    .name = "PIT", .hz = PIT_HZ, .mask = UINT16_MAX, .read = read_pit};

static bool runs(const struct reference_clock *clock)
{
    uint64_t first = clock->read() & clock->mask;
    for (unsigned i = 0; i < READS_FOR_ONE_TICK; i++) {
        if ((clock->read() & clock->mask) != first) {
            return true;
        }
    }
    return false;
}

static bool set_up_pm_timer(const struct acpi_info *acpi)
{
    const struct acpi_register *timer = &acpi->pm_timer;
    if (!timer->present || feature_is_off(OPTIONAL_PM_TIMER)) {
        return false;
    }
    if (timer->space == ACPI_SPACE_IO && timer->address <= UINT16_MAX) {
        pm_timer_port = (uint16_t)timer->address;
    } else if (timer->space == ACPI_SPACE_MEMORY &&
               machine_memory_can_be_device(timer->address, sizeof(*pm_timer_memory))) {
        pm_timer_memory =
            paging_map_device(timer->address, sizeof(*pm_timer_memory), CACHE_UNCACHED);
    } else {
        return false;
    }
    // The upper byte of a 24-bit timer may read as any value.
    pm_timer_clock.mask = acpi->pm_timer_32_bits ? UINT32_MAX : BIT(24) - 1;
    return runs(&pm_timer_clock);
}

static bool set_up_hpet(const struct acpi_info *acpi)
{
    if (!acpi->hpet.present || acpi->hpet.space != ACPI_SPACE_MEMORY ||
        feature_is_off(OPTIONAL_HPET) ||
        !machine_memory_can_be_device(acpi->hpet.address, HPET_BYTES)) {
        return false;
    }
    hpet = paging_map_device(acpi->hpet.address, HPET_BYTES, CACHE_UNCACHED);
    uint32_t period = hpet[HPET_PERIOD];
    if (period == 0 || period > HPET_PERIOD_MAX) {
        return false;
    }
    hpet[HPET_CONFIGURATION] |= HPET_ENABLE;
    hpet_clock.hz = FEMTOSECONDS_PER_SECOND / period;
    return runs(&hpet_clock);
}

static bool set_up_pit(const struct acpi_info *acpi)
{
    (void)acpi;
    if (feature_is_off(OPTIONAL_PIT)) {
        return false;
    }
    outb(SPEAKER_PORT, (uint8_t)((inb(SPEAKER_PORT) & ~SPEAKER_ON) | SPEAKER_GATE));
    outb(PIT_COMMAND, PIT_CHANNEL_2_RATE);
    outb(PIT_CHANNEL_2, 0); // 0 counts 65536
    outb(PIT_CHANNEL_2, 0);
    return runs(&pit_clock);
}

const struct reference_clock *reference_clock_next(const struct acpi_info *acpi, unsigned *next)
{
    static const struct {
        const struct reference_clock *clock;
        bool (*set_up)(const struct acpi_info *acpi);
    } clocks[] = {
        {&pm_timer_clock, set_up_pm_timer}, {&hpet_clock, set_up_hpet}, {&pit_clock, set_up_pit}};
    while (*next < ARRAY_SIZE(clocks)) {
        unsigned i = (*next)++;
        if (clocks[i].set_up(acpi)) {
            return clocks[i].clock;
        }
    }
    return NULL;
}
