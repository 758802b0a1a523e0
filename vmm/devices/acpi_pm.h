// SPDX-License-Identifier: MIT
// The model of ACPI's fixed power management hardware (ACPI 6.5, 4.8.1 to 4.8.3). It is always in
// ACPI mode.
#pragma once

#include "vmm/util/types.h"

struct irq_line;

#define ACPI_PM_BASE 0x600 // where a VM has it
#define ACPI_PM_PORTS 12
#define ACPI_PM_SCI 9
#define ACPI_PM_TIMER_HZ 3579545ULL
#define ACPI_PM_SLEEP_TYPE_S5 5 // as \_S5 in dsdt.asl

enum acpi_pm_offset {
    ACPI_PM1_STATUS = 0,
    ACPI_PM1_ENABLE = 2,
    ACPI_PM1_CONTROL = 4,
    ACPI_PM_TIMER = 8,
};

struct acpi_pm_output {
    void (*power_off)(struct acpi_pm_output *output);
};

struct acpi_pm {
    struct irq_line *sci;
    struct acpi_pm_output *output;
    uint64_t seen_ns; // the timer's status bit is right up to this time
    uint16_t status;
    uint16_t enable;
    uint16_t control;
    bool line_level;
};

// The timer counts from the time 0 on.
void acpi_pm_init(struct acpi_pm *pm, struct irq_line *sci, struct acpi_pm_output *output,
                  uint64_t now_ns);
void acpi_pm_reset(struct acpi_pm *pm);

// `width` bytes (1, 2 or 4) from `offset` below ACPI_PM_PORTS. Bytes that belong to no register
// read 0.
uint32_t acpi_pm_read(struct acpi_pm *pm, unsigned offset, unsigned width, uint64_t now_ns);
void acpi_pm_write(struct acpi_pm *pm, unsigned offset, unsigned width, uint32_t value,
                   uint64_t now_ns);

// The power button is pressed and let go.
void acpi_pm_press_power_button(struct acpi_pm *pm);
// Whether the guest has asked to be told of the power button.
bool acpi_pm_hears_power_button(const struct acpi_pm *pm);

// When the timer interrupts next: `now_ns` if that is overdue, NEVER_NS if it does not.
uint64_t acpi_pm_next_event_ns(const struct acpi_pm *pm, uint64_t now_ns);
void acpi_pm_advance(struct acpi_pm *pm, uint64_t now_ns);
