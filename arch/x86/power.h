// SPDX-License-Identifier: MIT
// Switching the machine off and starting it again.
#pragma once

struct acpi_info;

// Maps the registers, so the functions below need no memory. `acpi` must stay valid. `flush` waits
// until all printed text has left the machine; it may be NULL.
void power_init(const struct acpi_info *acpi, void (*flush)(void));

// Both run on any CPU. The CPU should be out of VMX operation, which blocks INIT. The log has each
// way that was tried and did not work.

// Tries ACPI S5, then the port of Bochs. If both fail, it says so and halts.
_Noreturn void power_off(void);
// Tries the FADT's reset register, port 0xcf9, the 8042, and a triple fault.
_Noreturn void power_reset(void);
