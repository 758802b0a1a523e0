// SPDX-License-Identifier: MIT
// The parser of the firmware's ACPI tables. It is pure.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct acpi_info;

#define ACPI_TABLE_MAX (16 * MIB)

// A whole table whose length and checksum are right.
struct acpi_table {
    const uint8_t *bytes;
    uint32_t length;
};

// How the parser reads physical memory. `map` gives `bytes` from `address` for reading until the
// parse has ended. It gives NULL where nothing can be read. Tests embed this structure in a fake.
struct acpi_reader {
    const void *(*map)(struct acpi_reader *reader, uint64_t address, uint64_t bytes);
};

// Reads all tables that can be read. Facts of a broken or missing table stay absent. `rsdp` is a
// copy of the RSDP of `rsdp_bytes` (20 or 36). With NULL, the RSDP is searched in the BIOS areas
// (ACPI 5.2.5.1). STATUS_NOT_FOUND: no RSDP. STATUS_INVALID: no root table has a good checksum.
// `info` is valid in any case.
enum status acpi_parse(struct acpi_reader *reader, const void *rsdp, size_t rsdp_bytes,
                       struct acpi_info *info, struct reason *why) MUST_CHECK;
