// SPDX-License-Identifier: MIT
// The Root System Description Pointer: its check, and its search in the BIOS areas.
#include "arch/x86/acpi_rsdp.h"

#include "arch/x86/acpi_layout.h"
#include "arch/x86/acpi_parse.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

// The areas of ACPI 5.2.5.1: the first KiB of the EBDA, whose segment is at 0x40e, and the BIOS
// below 1 MiB. The RSDP is aligned to 16 bytes.
#define EBDA_SEGMENT_AT 0x40e
#define EBDA_BYTES KIB
#define EBDA_LOWEST 0x400
#define BIOS_START 0xe0000
#define BIOS_BYTES 0x20000
#define RSDP_STEP 16

static const char rsdp_signature[] = {'R', 'S', 'D', ' ', 'P', 'T', 'R', ' '};

bool acpi_check_rsdp(const void *bytes, size_t length, struct acpi_rsdp *rsdp)
{
    *rsdp = (struct acpi_rsdp){0};
    if (length < ACPI_RSDP_V1_BYTES) {
        return false;
    }
    memcpy(rsdp, bytes, ACPI_RSDP_V1_BYTES);
    if (memcmp(rsdp->signature, rsdp_signature, sizeof(rsdp_signature)) != 0) {
        return false;
    }
    if (bytes_sum(bytes, ACPI_RSDP_V1_BYTES) != 0) {
        return false;
    }
    // The first part stays good if the second one has a wrong checksum.
    if (rsdp->revision >= 2 && length >= sizeof(*rsdp) && bytes_sum(bytes, sizeof(*rsdp)) == 0) {
        memcpy(rsdp, bytes, sizeof(*rsdp));
    }
    return true;
}

static bool search(struct acpi_reader *reader, uint64_t start, uint64_t bytes,
                   struct acpi_rsdp *rsdp)
{
    const uint8_t *area = reader->map(reader, start, bytes);
    if (!area) {
        return false;
    }
    for (uint64_t at = 0; at + ACPI_RSDP_V1_BYTES <= bytes; at += RSDP_STEP) {
        if (acpi_check_rsdp(area + at, bytes - at, rsdp)) {
            return true;
        }
    }
    return false;
}

bool acpi_find_rsdp(struct acpi_reader *reader, struct acpi_rsdp *rsdp)
{
    const uint8_t *segment = reader->map(reader, EBDA_SEGMENT_AT, 2);
    if (segment) {
        uint64_t ebda = (uint64_t)(segment[0] | segment[1] << 8) << 4;
        if (ebda >= EBDA_LOWEST && ebda + EBDA_BYTES <= MIB &&
            search(reader, ebda, EBDA_BYTES, rsdp)) {
            return true;
        }
    }
    return search(reader, BIOS_START, BIOS_BYTES, rsdp);
}
