// SPDX-License-Identifier: MIT
// One page on this machine, and on what Husk does about it.
#pragma once

struct acpi_info;
struct boot_info;
struct line_sink;
struct vmm;

// Call it on CPU 0 when all CPUs run.
void machine_page_show(const struct boot_info *boot, const struct acpi_info *acpi,
                       const struct vmm *vmm, struct line_sink *sink);
