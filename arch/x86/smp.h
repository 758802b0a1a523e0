// SPDX-License-Identifier: MIT
// Starting the other processors: INIT-SIPI-SIPI, trampoline, stacks (SDM Vol. 3A 9.4.4).
#pragma once

struct acpi_info;

// BSP, after time_init and ipi_init: starts every enabled processor of the MADT. Each ends in
// `entry` with interrupts off, on its own stack, with its own GDT, TSS, IDT, APIC and timer set up;
// `entry` does not return. What does not answer is named in the log and left out. Returns
// cpu_count(): how many CPUs run, the BSP counted. `acpi` must stay valid.
unsigned smp_start(const struct acpi_info *acpi, void (*entry)(void));
