// SPDX-License-Identifier: MIT
// Switching the machine off and starting it again.
#pragma once

struct acpi_info;

// `acpi` must stay valid. `flush` waits until what was printed has left the machine; may be NULL.
// The registers are mapped here, so that neither function below needs memory.
void power_init(const struct acpi_info *acpi, void (*flush)(void));

// Both: on any CPU, which is best out of VMX operation (INIT is blocked in it); what was tried and
// did not work is logged.

// ACPI S5, then the port of Bochs; if both fail, says so and halts.
_Noreturn void power_off(void);
// The FADT's reset register, port 0xcf9, 8042, triple fault.
_Noreturn void power_reset(void);
