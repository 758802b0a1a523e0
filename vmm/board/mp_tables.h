// SPDX-License-Identifier: MIT
// The MP tables of a VM (Intel MultiProcessor Specification 1.4), for systems older than ACPI.
#pragma once

#include "vmm/memory/guest_memory.h"
#include "vmm/util/status.h"

// The area for them, in what memory maps say is reserved. The floating pointer is at its start,
// where a scan of the BIOS ROM finds it.
#define MP_TABLES_BASE 0xf0000ULL
#define MP_TABLES_BYTES (32 * KIB)
// 8-bit APIC IDs: of the vCPUs, one for the I/O APIC, and 255 means all.
#define MP_TABLES_VCPUS_MAX 254

struct mp_tables_cpu {
    unsigned count;
    uint32_t signature; // CPUID 1: EAX, EDX
    uint32_t features;
};

// Writes them; a VM with more vCPUs than they can have gets none. Fails where the area is no RAM.
enum status mp_tables_install(const struct guest_memory *memory, const struct mp_tables_cpu *cpus,
                              struct reason *why);
