// SPDX-License-Identifier: MIT
// Starting the other processors: INIT-SIPI-SIPI, trampoline, stacks (SDM Vol. 3A 9.4.4).
#pragma once

struct acpi_info;

// On the BSP, after time_init and ipi_init: starts every enabled processor of the MADT. Each calls
// `entry` with interrupts off, on its own stack, with its own GDT, TSS, IDT, APIC and timer.
// `entry` does not return. The log names the processors that do not answer. Returns cpu_count():
// the CPUs that run, with the BSP. `acpi` must stay valid.
unsigned smp_start(const struct acpi_info *acpi, void (*entry)(void));
