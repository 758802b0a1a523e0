// SPDX-License-Identifier: MIT
// The ACPI tables that depend on the number of vCPUs.
#pragma once

struct acpi_area;

// Adds the MADT, and the SSDT with an object for each vCPU.
void acpi_add_processors(struct acpi_area *area, unsigned vcpus);
