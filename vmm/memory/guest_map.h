// SPDX-License-Identifier: MIT
// The map of its memory that a guest is told: one source for each protocol that hands one over.
#pragma once

#include "vmm/memory/guest_memory.h"

// What of the first megabyte is the PC's own, as on any PC.
#define GUEST_EBDA 0x9fc00ULL          // extended BIOS data area, up to the VGA hole
#define GUEST_FIRMWARE_AREA 0xe0000ULL // ACPI and MP tables, the ROM, up to GUEST_HIGH_MEMORY
#define GUEST_HIGH_MEMORY (1 * MIB)
#define GUEST_ACPI_RSDP GUEST_FIRMWARE_AREA

// The numbers are those of ACPI's system address map (ACPI 6.4, 15), which Linux' boot parameters
// and both versions of Multiboot use too.
enum guest_range_type { GUEST_RANGE_RAM = 1, GUEST_RANGE_RESERVED = 2 };

struct guest_range {
    uint64_t base;
    uint64_t bytes;
    enum guest_range_type type;
};

// Below the EBDA, the EBDA, the firmware's area, from 1 MiB on, from 4 GiB on.
#define GUEST_RANGES_MAX 5

struct guest_map {
    unsigned count;
    struct guest_range ranges[GUEST_RANGES_MAX]; // in rising order, none of them empty
};

// A range that is in no entry is a hole for devices. RAM between the VGA hole and the firmware's
// area is there, but no map names it: on a PC that is where adapters' ROMs are.
void guest_memory_map(const struct guest_memory *memory, struct guest_map *map);

// One past the last byte of the RAM that `address` is in, or `address` where there is none.
uint64_t guest_ram_end(const struct guest_memory *memory, uint64_t address);
