// SPDX-License-Identifier: MIT
// The FADT: timer, power and reset registers (ACPI 5.2.9).
#include "arch/x86/acpi_fadt.h"

#include "arch/x86/acpi.h"
#include "arch/x86/acpi_layout.h"
#include "arch/x86/acpi_parse.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define FADT_REVISION_WITH_BOOT_FLAGS 3
// The widths of the registers (ACPI 4.8.3).
#define PM1_BITS 16
#define PM_TIMER_BITS 32
#define SLEEP_BITS 8
#define RESET_BITS 8

// Whether Husk can reach the register. Other address spaces belong to controllers of the firmware.
static bool is_usable(const struct acpi_gas *extended)
{
    return extended->address != 0 &&
           (extended->space == ACPI_SPACE_MEMORY || extended->space == ACPI_SPACE_PCI ||
            (extended->space == ACPI_SPACE_IO && extended->address <= UINT16_MAX));
}

// Takes the 64-bit form of a register of `bits`, or the old 32-bit port if the table has no 64-bit
// form. The width is the manual's: tables of real machines often have wrong ones.
static struct acpi_register choose(const struct acpi_gas *extended, uint32_t port, uint8_t bits)
{
    if (is_usable(extended)) {
        return (struct acpi_register){
            .present = true, .space = extended->space, .bits = bits, .address = extended->address};
    }
    if (port == 0 || port > UINT16_MAX) {
        return (struct acpi_register){0};
    }
    return (struct acpi_register){
        .present = true, .space = ACPI_SPACE_IO, .bits = bits, .address = port};
}

static void read_registers(const struct acpi_fadt *fadt, struct acpi_info *info)
{
    info->hardware_reduced = (fadt->flags & FADT_FLAG_HARDWARE_REDUCED) != 0;
    if ((fadt->flags & FADT_FLAG_RESET) != 0) {
        info->reset = choose(&fadt->reset, 0, RESET_BITS);
        info->reset_value = fadt->reset_value;
    }
    if (info->hardware_reduced) {
        info->sleep_control = choose(&fadt->sleep_control, 0, SLEEP_BITS);
        info->sleep_status = choose(&fadt->sleep_status, 0, SLEEP_BITS);
        return; // the other registers do not exist then
    }
    info->pm_timer = choose(&fadt->x_pm_timer, fadt->pm_timer, PM_TIMER_BITS);
    info->pm_timer_32_bits = (fadt->flags & FADT_FLAG_TIMER_32) != 0;
    info->pm1a_status = choose(&fadt->x_pm1a_event, fadt->pm1a_event, PM1_BITS);
    info->pm1b_status = choose(&fadt->x_pm1b_event, fadt->pm1b_event, PM1_BITS);
    info->pm1a_control = choose(&fadt->x_pm1a_control, fadt->pm1a_control, PM1_BITS);
    info->pm1b_control = choose(&fadt->x_pm1b_control, fadt->pm1b_control, PM1_BITS);
    if (fadt->smi_command <= UINT16_MAX) {
        info->smi_command_port = (uint16_t)fadt->smi_command;
    }
    info->acpi_enable = fadt->acpi_enable;
}

void acpi_read_fadt(const struct acpi_table *table, struct acpi_info *info, uint64_t *dsdt)
{
    struct acpi_fadt fadt = {0};
    if (table->length < FADT_V1_BYTES || info->has_fadt) {
        return;
    }
    memcpy(&fadt, table->bytes, MIN(table->length, sizeof(fadt)));
    info->has_fadt = true;
    if (fadt.header.revision >= FADT_REVISION_WITH_BOOT_FLAGS) {
        info->has_8042 = (fadt.boot_flags & FADT_BOOT_8042) != 0;
    }
    info->rtc_century = fadt.century;
    read_registers(&fadt, info);
    *dsdt = fadt.x_dsdt != 0 ? fadt.x_dsdt : fadt.dsdt;
}
