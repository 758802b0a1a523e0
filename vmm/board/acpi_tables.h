// SPDX-License-Identifier: MIT
// The ACPI tables of a VM, which describe its PC to the guest.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct guest_memory;

// The area for the tables. The guest's memory map says that it is reserved. The RSDP is at the
// start, where a scan of the BIOS area finds it (ACPI 6.5, 5.2.5.1).
#define ACPI_TABLES_BASE 0xe0000ULL
#define ACPI_TABLES_BYTES (64 * KIB)

// Writes all tables for `vcpus` vCPUs, whose APIC IDs and UIDs are 0, 1, 2 ... Fails if the area is
// not RAM (a VM with less than 1 MiB) or if the tables do not fit into it.
enum status acpi_tables_install(const struct guest_memory *memory, unsigned vcpus,
                                struct reason *why);

// The DSDT. iasl compiles it from dsdt.asl.
extern const uint8_t acpi_dsdt[];
extern const unsigned acpi_dsdt_bytes;
