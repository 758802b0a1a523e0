// SPDX-License-Identifier: MIT
// Writes a VM's ACPI tables: the lists of tables, the fixed hardware, and the DSDT from iasl.
#include "vmm/board/acpi_tables.h"

#include "arch/x86/acpi_layout.h"
#include "vmm/address.h"
#include "vmm/board/acpi_area.h"
#include "vmm/board/acpi_processors.h"
#include "vmm/board/pci_bus.h"
#include "vmm/devices/acpi_pm.h"
#include "vmm/devices/hpet.h"
#include "vmm/devices/reset_control.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define FADT_REVISION 6
#define FACS_VERSION 2
#define PROFILE_DESKTOP 1
#define RTC_CENTURY 0x32
#define HPET_MINIMUM_TICKS 100 // 1 us: the shortest period in which software loses no interrupt
#define C2_ABSENT_US 101       // a latency above 100 us means that there is no C2
#define C3_ABSENT_US 1001      // a latency above 1000 us means that there is no C3

struct PACKED acpi_facs {
    char signature[4];
    uint32_t length;
    uint32_t hardware_signature;
    uint32_t waking_vector;
    uint32_t global_lock;
    uint32_t flags;
    uint64_t x_waking_vector;
    uint8_t version;
    uint8_t reserved[31];
};
static_assert(sizeof(struct acpi_facs) == 64, "ACPI 5.2.10");

// ---- Fixed hardware ----

static struct acpi_gas port(uint64_t address, uint8_t bits)
{
    return (struct acpi_gas){.space = ACPI_SPACE_IO,
                             .bit_width = bits,
                             .access_size = bits == 8 ? 1 : 2, // bytes, words
                             .address = address};
}

// There is no SMI command: ACPI mode is on from the start and cannot be left. There are no GPEs.
static const struct acpi_fadt fixed_hardware = {
    .profile = PROFILE_DESKTOP,
    .sci_interrupt = ACPI_PM_SCI,
    .pm1a_event = ACPI_PM_BASE + ACPI_PM1_STATUS,
    .pm1a_control = ACPI_PM_BASE + ACPI_PM1_CONTROL,
    .pm_timer = ACPI_PM_BASE + ACPI_PM_TIMER,
    .pm1_event_bytes = 4,
    .pm1_control_bytes = 2,
    .pm_timer_bytes = 4,
    .c2_latency_us = C2_ABSENT_US,
    .c3_latency_us = C3_ABSENT_US,
    .century = RTC_CENTURY,
    .boot_flags = FADT_BOOT_LEGACY_DEVICES | FADT_BOOT_8042,
    .flags = FADT_FLAG_WBINVD | FADT_FLAG_C1 | FADT_FLAG_NO_SLEEP_BUTTON | FADT_FLAG_NO_RTC_WAKE |
             FADT_FLAG_TIMER_32 | FADT_FLAG_RESET,
    .reset_value = RESET_CONTROL_RESET,
    .hypervisor = {'H', 'u', 's', 'k', 'H', 'u', 's', 'k'},
};

static void add_fadt(struct acpi_area *area, const void *facs, const void *dsdt)
{
    struct acpi_fadt *fadt = acpi_area_take(area, sizeof(*fadt));
    if (!fadt) {
        return;
    }
    *fadt = fixed_hardware;
    fadt->firmware_control = acpi_area_address(area, facs);
    fadt->x_firmware_control = fadt->firmware_control; // Xen compares the two
    fadt->dsdt = acpi_area_address(area, dsdt);
    fadt->x_dsdt = fadt->dsdt;
    fadt->reset = port(RESET_CONTROL_PORT, 8);
    fadt->x_pm1a_event = port(fadt->pm1a_event, 32);
    fadt->x_pm1a_control = port(fadt->pm1a_control, 16);
    fadt->x_pm_timer = port(fadt->pm_timer, 32);
    fadt->x_pm_timer.access_size = 3; // double words
    acpi_area_add(area, &fadt->header, "FACP", sizeof(*fadt), FADT_REVISION);
}

// The FACS and the DSDT are not in the lists of tables. The FADT has their addresses.
static void add_fixed_hardware(struct acpi_area *area)
{
    struct acpi_facs *facs = acpi_area_take(area, sizeof(*facs));
    void *dsdt = acpi_area_take(area, acpi_dsdt_bytes);
    if (!facs || !dsdt) {
        return;
    }
    memcpy(facs->signature, "FACS", sizeof(facs->signature));
    facs->length = sizeof(*facs);
    facs->version = FACS_VERSION;
    memcpy(dsdt, acpi_dsdt, acpi_dsdt_bytes);
    add_fadt(area, facs, dsdt);
}

static void add_hpet(struct acpi_area *area)
{
    struct acpi_hpet *hpet = acpi_area_take(area, sizeof(*hpet));
    if (!hpet) {
        return;
    }
    hpet->hardware = HPET_ID;
    hpet->base =
        (struct acpi_gas){.space = ACPI_SPACE_MEMORY, .bit_width = 64, .address = HPET_BASE};
    hpet->minimum_tick = HPET_MINIMUM_TICKS;
    acpi_area_add(area, &hpet->header, "HPET", sizeof(*hpet), 1);
}

// The configuration space of bus 0 in memory.
static void add_mcfg(struct acpi_area *area)
{
    struct acpi_mcfg *mcfg = acpi_area_take(area, sizeof(*mcfg));
    if (mcfg) {
        mcfg->base = PCI_BUS_ECAM_BASE;
        acpi_area_add(area, &mcfg->header, "MCFG", sizeof(*mcfg), 1);
    }
}

// ---- The list of tables ----

static uint32_t add_rsdt(struct acpi_area *area)
{
    uint64_t bytes = sizeof(struct acpi_header) + area->table_count * sizeof(uint32_t);
    struct acpi_header *rsdt = acpi_area_take(area, bytes);
    if (!rsdt) {
        return 0;
    }
    memcpy(rsdt + 1, area->tables, area->table_count * sizeof(uint32_t));
    acpi_header_finish(rsdt, "RSDT", bytes, 1);
    return acpi_area_address(area, rsdt);
}

static uint32_t add_xsdt(struct acpi_area *area)
{
    uint64_t bytes = sizeof(struct acpi_header) + area->table_count * sizeof(uint64_t);
    struct acpi_header *xsdt = acpi_area_take(area, bytes);
    if (!xsdt) {
        return 0;
    }
    for (unsigned i = 0; i < area->table_count; i++) {
        uint64_t address = area->tables[i];
        memcpy((uint8_t *)(xsdt + 1) + i * sizeof(address), &address, sizeof(address));
    }
    acpi_header_finish(xsdt, "XSDT", bytes, 1);
    return acpi_area_address(area, xsdt);
}

static void finish_rsdp(struct acpi_rsdp *rsdp)
{
    memcpy(rsdp->signature, "RSD PTR ", sizeof(rsdp->signature));
    memcpy(rsdp->oem, "HUSK  ", sizeof(rsdp->oem));
    rsdp->revision = 2;
    rsdp->length = sizeof(*rsdp);
    rsdp->checksum = (uint8_t)-bytes_sum(rsdp, ACPI_RSDP_V1_BYTES);
    rsdp->extended_checksum = (uint8_t)-bytes_sum(rsdp, sizeof(*rsdp));
}

enum status acpi_tables_install(const struct guest_memory *memory, unsigned vcpus,
                                struct reason *why)
{
    struct acpi_area area = {.base =
                                 guest_memory_at(memory, gpa(ACPI_TABLES_BASE), ACPI_TABLES_BYTES)};
    if (!area.base) {
        return refuse(why, STATUS_RANGE, "no RAM at 0x%llx for the ACPI tables: mem= is below 1M",
                      ACPI_TABLES_BASE);
    }
    struct acpi_rsdp *rsdp = acpi_area_take(&area, sizeof(*rsdp));
    add_fixed_hardware(&area);
    acpi_add_processors(&area, vcpus);
    add_hpet(&area);
    add_mcfg(&area);
    rsdp->rsdt = add_rsdt(&area);
    rsdp->xsdt = add_xsdt(&area);
    finish_rsdp(rsdp);
    if (area.is_full) {
        return refuse(why, STATUS_RANGE, "the ACPI tables for cpus=%u are longer than %llu KiB",
                      vcpus, ACPI_TABLES_BYTES / KIB);
    }
    return STATUS_OK;
}
