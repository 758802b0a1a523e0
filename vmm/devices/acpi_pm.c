// SPDX-License-Identifier: MIT
// The model of ACPI's fixed hardware: events with their SCI, S5, the PM timer.
#include "vmm/devices/acpi_pm.h"

#include "vmm/devices/device.h"
#include "vmm/util/types.h"

// The timer has 32 bits (TMR_VAL_EXT). Its status is about the highest one.
#define TIMER_TOP_SHIFT 31

// ACPI 6.5, tables 4.15 and 4.16: the bits are the same in status and enable.
enum pm1_event {
    EVENT_TIMER = BIT(0),
    EVENT_GLOBAL = BIT(5),
    EVENT_POWER_BUTTON = BIT(8),
    EVENT_SLEEP_BUTTON = BIT(9),
    EVENT_RTC = BIT(10),
    EVENTS = EVENT_TIMER | EVENT_GLOBAL | EVENT_POWER_BUTTON | EVENT_SLEEP_BUTTON | EVENT_RTC,
};

// Table 4.17. SCI_EN cannot be cleared: there is no mode but ACPI's.
enum pm1_control {
    CONTROL_SCI_ENABLE = BIT(0),
    CONTROL_BUS_MASTER_RELOAD = BIT(1),
    CONTROL_SLEEP_TYPE_SHIFT = 10,
    CONTROL_SLEEP_TYPE = 7 << CONTROL_SLEEP_TYPE_SHIFT,
    CONTROL_SLEEP_ENABLE = BIT(13), // reads 0
    CONTROL_KEPT = CONTROL_BUS_MASTER_RELOAD | CONTROL_SLEEP_TYPE,
};

static void update_line(struct acpi_pm *pm)
{
    bool level = (pm->status & pm->enable) != 0;
    if (level != pm->line_level) {
        pm->line_level = level;
        irq_line_set(pm->sci, level);
    }
}

// ---- The timer ----

// Seconds and the rest are converted separately, so nothing overflows or drifts.
static uint64_t ticks_at(uint64_t ns)
{
    return ns / NS_PER_S * ACPI_PM_TIMER_HZ + ns % NS_PER_S * ACPI_PM_TIMER_HZ / NS_PER_S;
}

// The first nanosecond at which ticks_at() is `ticks`.
static uint64_t time_of(uint64_t ticks)
{
    uint64_t rest = ticks % ACPI_PM_TIMER_HZ * NS_PER_S;
    return ticks / ACPI_PM_TIMER_HZ * NS_PER_S + (rest + ACPI_PM_TIMER_HZ - 1) / ACPI_PM_TIMER_HZ;
}

uint64_t acpi_pm_next_event_ns(const struct acpi_pm *pm, uint64_t now_ns)
{
    if (!(pm->enable & EVENT_TIMER) || (pm->status & EVENT_TIMER)) {
        return NEVER_NS;
    }
    // A change since the last advance is due now.
    return MAX(time_of(((ticks_at(pm->seen_ns) >> TIMER_TOP_SHIFT) + 1) << TIMER_TOP_SHIFT),
               now_ns);
}

void acpi_pm_advance(struct acpi_pm *pm, uint64_t now_ns)
{
    if (now_ns <= pm->seen_ns) {
        return;
    }
    // A change of the timer's highest bit in either direction sets the status bit (4.8.3.1.1).
    if (ticks_at(now_ns) >> TIMER_TOP_SHIFT != ticks_at(pm->seen_ns) >> TIMER_TOP_SHIFT) {
        pm->status |= EVENT_TIMER;
    }
    pm->seen_ns = now_ns;
    update_line(pm);
}

// ---- Registers, byte by byte ----

static uint8_t read_byte(const struct acpi_pm *pm, unsigned offset)
{
    unsigned shift = 8 * (offset & 1);
    switch (offset & ~1U) {
    case ACPI_PM1_STATUS:
        return (uint8_t)(pm->status >> shift);
    case ACPI_PM1_ENABLE:
        return (uint8_t)(pm->enable >> shift);
    case ACPI_PM1_CONTROL:
        return (uint8_t)((pm->control | CONTROL_SCI_ENABLE) >> shift);
    case ACPI_PM_TIMER:
    case ACPI_PM_TIMER + 2:
        return (uint8_t)(ticks_at(pm->seen_ns) >> 8 * (offset - ACPI_PM_TIMER));
    default:
        return 0;
    }
}

static uint16_t with_byte(uint16_t old, uint8_t value, unsigned shift, uint16_t writable)
{
    uint16_t mask = (uint16_t)((0xffU << shift) & writable);
    return (uint16_t)((old & ~mask) | ((unsigned)value << shift & mask));
}

// S5 is a VM's only sleeping state. Other values are no values of \_Sx and have no effect.
static void write_control(struct acpi_pm *pm, uint8_t value, unsigned shift)
{
    unsigned type;
    pm->control = with_byte(pm->control, value, shift, CONTROL_KEPT);
    type = (pm->control & CONTROL_SLEEP_TYPE) >> CONTROL_SLEEP_TYPE_SHIFT;
    if (((unsigned)value << shift & CONTROL_SLEEP_ENABLE) && type == ACPI_PM_SLEEP_TYPE_S5) {
        pm->output->power_off(pm->output);
    }
}

static void write_byte(struct acpi_pm *pm, unsigned offset, uint8_t value)
{
    unsigned shift = 8 * (offset & 1);
    switch (offset & ~1U) {
    case ACPI_PM1_STATUS: // a 1 clears
        pm->status &= (uint16_t) ~((unsigned)value << shift);
        break;
    case ACPI_PM1_ENABLE:
        pm->enable = with_byte(pm->enable, value, shift, EVENTS);
        break;
    case ACPI_PM1_CONTROL:
        write_control(pm, value, shift);
        break;
    default: // the timer is read-only
        break;
    }
}

uint32_t acpi_pm_read(struct acpi_pm *pm, unsigned offset, unsigned width, uint64_t now_ns)
{
    uint32_t value = 0;
    acpi_pm_advance(pm, now_ns);
    for (unsigned i = 0; i < MIN(width, 4U); i++) {
        value |= (uint32_t)read_byte(pm, offset + i) << 8 * i;
    }
    return value;
}

void acpi_pm_write(struct acpi_pm *pm, unsigned offset, unsigned width, uint32_t value,
                   uint64_t now_ns)
{
    acpi_pm_advance(pm, now_ns);
    for (unsigned i = 0; i < MIN(width, 4U); i++) {
        write_byte(pm, offset + i, (uint8_t)(value >> 8 * i));
    }
    update_line(pm);
}

void acpi_pm_press_power_button(struct acpi_pm *pm)
{
    pm->status |= EVENT_POWER_BUTTON;
    update_line(pm);
}

bool acpi_pm_hears_power_button(const struct acpi_pm *pm)
{
    return pm->enable & EVENT_POWER_BUTTON;
}

void acpi_pm_reset(struct acpi_pm *pm)
{
    pm->status = 0;
    pm->enable = 0;
    pm->control = 0;
    update_line(pm);
}

void acpi_pm_init(struct acpi_pm *pm, struct irq_line *sci, struct acpi_pm_output *output,
                  uint64_t now_ns)
{
    *pm = (struct acpi_pm){.sci = sci, .output = output, .seen_ns = now_ns};
}
