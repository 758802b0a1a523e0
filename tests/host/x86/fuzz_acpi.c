// SPDX-License-Identifier: MIT
// Fuzzes the ACPI parser. The input is physical memory from 0xe0000. Each table gets a right
// checksum when it is mapped; otherwise the fuzzer would not get past the checks.
#include "arch/x86/acpi.h"
#include "arch/x86/acpi_layout.h"
#include "arch/x86/acpi_parse.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"

#include <stdlib.h>

#define MEMORY_START 0xe0000
#define MAPPINGS_MAX 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
    struct acpi_reader reader;
    const uint8_t *data;
    size_t size;
    unsigned mapping_count;
    void *mappings[MAPPINGS_MAX];
};

static void fix_checksum(uint8_t *bytes, uint64_t length)
{
    struct acpi_header *header = (struct acpi_header *)(void *)bytes;
    if (length >= sizeof(*header) && header->length == length)
        header->checksum = (uint8_t)(header->checksum - bytes_sum(bytes, length));
}

// Each mapping is a copy of its own, so that a read beyond its end is found.
static const void *fuzz_map(struct acpi_reader *reader, uint64_t address, uint64_t bytes)
{
    struct fuzz *fuzz = container_of(reader, struct fuzz, reader);
    if (fuzz->mapping_count == MAPPINGS_MAX || address < MEMORY_START)
        return NULL;
    uint64_t at = address - MEMORY_START;
    if (at > fuzz->size || bytes > fuzz->size - at)
        return NULL;
    uint8_t *copy = malloc(bytes);
    memcpy(copy, fuzz->data + at, bytes);
    fix_checksum(copy, bytes);
    fuzz->mappings[fuzz->mapping_count++] = copy;
    return copy;
}

static void check(const struct acpi_info *info)
{
    if (info->processor_count > ACPI_PROCESSORS_MAX || info->nmi_count > ACPI_NMIS_MAX ||
        info->io_apic_count > ACPI_IO_APICS_MAX || info->s5_a > 7 || info->s5_b > 7)
        abort();
    const struct acpi_serial *serial = &info->serial;
    uint64_t limit = serial->in_memory ? UINT64_MAX : UINT16_MAX;
    if (serial->present &&
        (serial->address == 0 || serial->access_bytes == 0 || serial->stride > 4 ||
         serial->access_bytes > serial->stride ||
         (uint64_t)ACPI_SERIAL_REGISTERS * serial->stride - 1 > limit - serial->address))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct acpi_info info;
    struct fuzz fuzz = {.reader.map = fuzz_map, .data = data, .size = size};
    struct acpi_rsdp rsdp = {0};
    struct reason why;
    memcpy(&rsdp, data, MIN(size, sizeof(rsdp)));
    memcpy(rsdp.signature, "RSD PTR ", sizeof(rsdp.signature));
    uint8_t *bytes = (uint8_t *)&rsdp;
    rsdp.checksum = (uint8_t)(rsdp.checksum - bytes_sum(bytes, ACPI_RSDP_V1_BYTES));
    rsdp.extended_checksum = (uint8_t)(rsdp.extended_checksum - bytes_sum(bytes, sizeof(rsdp)));
    if (acpi_parse(&fuzz.reader, &rsdp, sizeof(rsdp), &info, &why) == STATUS_OK)
        check(&info);
    for (unsigned i = 0; i < fuzz.mapping_count; i++)
        free(fuzz.mappings[i]);
    return 0;
}
