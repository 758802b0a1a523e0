// SPDX-License-Identifier: MIT
// Runs the pure ACPI parser on this machine's memory, which is mapped for it.
#include "arch/x86/acpi.h"

#include "arch/x86/acpi_parse.h"
#include "arch/x86/feature_switches.h"
#include "arch/x86/features.h"
#include "arch/x86/log.h"
#include "arch/x86/machine_memory.h"
#include "arch/x86/paging.h"
#include "vmm/util/status.h"

// Two mappings for each entry of a root table: enough for any machine. Later tables are not read.
#define MAPPINGS_MAX 256

struct mapping {
    const void *address;
    uint64_t bytes;
};

struct machine_reader {
    struct acpi_reader reader;
    unsigned count;
    struct mapping mappings[MAPPINGS_MAX];
};

static struct acpi_info info;

static const void *map(struct acpi_reader *base, uint64_t address, uint64_t bytes)
{
    struct machine_reader *reader = container_of(base, struct machine_reader, reader);
    if (feature_is_off(OPTIONAL_ACPI) || reader->count == MAPPINGS_MAX ||
        !machine_memory_has(address, bytes)) {
        return NULL;
    }
    const void *mapped = paging_map_firmware(address, bytes);
    reader->mappings[reader->count++] = (struct mapping){.address = mapped, .bytes = bytes};
    return mapped;
}

static void report(void)
{
    if (info.tables_rejected > 0) {
        log_line("ACPI: %u broken tables left out, the first of them \"%s\"", info.tables_rejected,
                 info.first_rejected);
    }
    log_line("ACPI: %u CPUs enabled, %u not, %u I/O APICs%s%s%s", info.processor_count,
             info.processors_disabled, info.io_apic_count,
             info.pm_timer.present ? ", PM timer" : "", info.hpet.present ? ", HPET" : "",
             info.has_s5 ? ", S5" : "");
}

const struct acpi_info *acpi_init(const void *rsdp, size_t rsdp_bytes)
{
    static struct machine_reader reader; // no initial value, or it would take 4 KiB of the image
    struct reason why;
    bool off = feature_is_off(OPTIONAL_ACPI);
    reader.reader.map = map;
    if (acpi_parse(&reader.reader, rsdp_bytes > 0 && !off ? rsdp : NULL, rsdp_bytes, &info, &why) !=
        STATUS_OK) {
        log_line("%s: one CPU, no power-off by ACPI", off ? "ACPI: off by no=" : why.text);
    } else {
        report();
    }
    while (reader.count > 0) {
        reader.count--;
        paging_unmap_firmware(reader.mappings[reader.count].address,
                              reader.mappings[reader.count].bytes);
    }
    return &info;
}
