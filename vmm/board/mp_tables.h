// SPDX-License-Identifier: MIT
// The MP tables of a VM (Intel MultiProcessor Specification 1.4), for systems older than ACPI.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct guest_memory;

// The area for the tables, in a part of memory that the guest's memory map says is reserved. The
// floating pointer is at the start, where a scan of the BIOS ROM finds it.
#define MP_TABLES_BASE 0xf0000ULL
#define MP_TABLES_BYTES (32 * KIB)
// The tables have 8-bit APIC IDs. The I/O APIC needs one of them, and 255 means all local APICs.
#define MP_TABLES_VCPUS_MAX 254

struct mp_tables_cpu {
    unsigned count;
    uint32_t signature; // CPUID 1: EAX, EDX
    uint32_t features;
};

// Writes the tables. A VM with more than MP_TABLES_VCPUS_MAX vCPUs gets none. Fails if the area is
// not RAM.
enum status mp_tables_install(const struct guest_memory *memory, const struct mp_tables_cpu *cpus,
                              struct reason *why);
