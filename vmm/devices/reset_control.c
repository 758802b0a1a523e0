// SPDX-License-Identifier: MIT
// The model of the reset control register (82371SB data sheet, "RC"; later chips have bit 3 too).
#include "vmm/devices/reset_control.h"

#include "vmm/devices/device.h"
#include "vmm/util/types.h"

enum reset_control_bits {
    RESET_HARD = BIT(1), // resets more than the CPU; here there is no difference
    RESET_CPU = BIT(2),  // its rising edge resets
    RESET_FULL = BIT(3), // with the power switched off for a moment
    RESET_KEPT = RESET_HARD | RESET_CPU | RESET_FULL,
};

uint8_t reset_control_read(const struct reset_control *control)
{
    return control->value;
}

void reset_control_write(struct reset_control *control, uint8_t value)
{
    bool reset = (value & ~control->value & RESET_CPU) != 0;
    control->value = value & RESET_KEPT;
    if (reset) {
        irq_line_set(control->reset, true);
        irq_line_set(control->reset, false);
    }
}

void reset_control_reset(struct reset_control *control)
{
    control->value = 0;
}

void reset_control_init(struct reset_control *control, struct irq_line *reset)
{
    *control = (struct reset_control){.reset = reset};
}
