// SPDX-License-Identifier: MIT
// The ACPI tables of a VM, which describe the PC of vmm/devices/ to its guest.
#pragma once

#include "vmm/memory/guest_memory.h"
#include "vmm/util/status.h"

// The area for them; memory maps say that it is reserved. The RSDP is at its start, where a scan
// of the BIOS area finds it (ACPI 6.5, 5.2.5.1).
#define ACPI_TABLES_BASE 0xe0000ULL
#define ACPI_TABLES_BYTES (64 * KIB)

// Writes all tables for so many vCPUs, whose APIC IDs and UIDs are 0, 1, 2 ... Fails where the area
// is no RAM (a VM below 1 MiB) or is too small for them.
enum status acpi_tables_install(const struct guest_memory *memory, unsigned vcpus,
                                struct reason *why);

// The DSDT, made by iasl from dsdt.asl.
extern const uint8_t acpi_dsdt[];
extern const unsigned acpi_dsdt_bytes;
