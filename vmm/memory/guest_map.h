// SPDX-License-Identifier: MIT
// The memory map that a guest is told. All boot protocols take it from here.
#pragma once

#include "vmm/memory/guest_memory.h"
#include "vmm/util/types.h"

// The parts of the first megabyte that belong to the PC itself.
#define GUEST_EBDA 0x9fc00ULL          // extended BIOS data area, up to the VGA hole
#define GUEST_FIRMWARE_AREA 0xe0000ULL // ACPI and MP tables, the ROM, up to GUEST_HIGH_MEMORY
#define GUEST_HIGH_MEMORY (1 * MIB)
#define GUEST_ACPI_RSDP GUEST_FIRMWARE_AREA
// The memory of PCI devices: a window for their base addresses, and behind it the configuration
// space of bus 0, which the map says is reserved.
#define GUEST_PCI_WINDOW GUEST_LOW_RAM_MAX
#define GUEST_PCI_CONFIG 0xfeb00000ULL
#define GUEST_PCI_CONFIG_BYTES (1 * MIB)

// The numbers are those of ACPI's system address map (ACPI 6.4, 15). Linux' boot parameters and
// both versions of Multiboot use the same numbers.
enum guest_range_type { GUEST_RANGE_RAM = 1, GUEST_RANGE_RESERVED = 2 };

struct guest_range {
    uint64_t base;
    uint64_t bytes;
    enum guest_range_type type;
};

// RAM below the EBDA, the EBDA, the firmware's area, RAM from 1 MiB on, the configuration space of
// PCI, RAM from 4 GiB on.
#define GUEST_RANGES_MAX 6

struct guest_map {
    unsigned count;
    struct guest_range ranges[GUEST_RANGES_MAX]; // in rising order, none is empty
};

// Makes the map. What is in no range is a hole for devices. There is also RAM between the VGA hole
// and the firmware's area. The map leaves it out, because on a PC the ROMs of adapters are there.
void guest_memory_map(const struct guest_memory *memory, struct guest_map *map);

// The end of the RAM around `address`: one past its last byte. `address` itself if it is not in
// RAM.
uint64_t guest_ram_end(const struct guest_memory *memory, uint64_t address);
