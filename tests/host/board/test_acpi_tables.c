// SPDX-License-Identifier: MIT
// Tests of a VM's ACPI tables, by Husk's own parser and by iasl, which disassembles and compiles
// them.
#define _DEFAULT_SOURCE // mkdtemp
#include "vmm/board/acpi_tables.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "arch/x86/acpi.h"
#include "arch/x86/acpi_layout.h"
#include "arch/x86/acpi_parse.h"
#include "tests/host/ram_fixture.h"
#include "vmm/devices/acpi_pm.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define RAM_BYTES (1 * MIB)

static struct reason why;
static struct acpi_info info;

static int set_up(void **state)
{
    (void)state;
    ram_set(RAM_BYTES, 0xa5);
    return 0;
}

static const void *map(struct acpi_reader *reader, uint64_t address, uint64_t bytes)
{
    (void)reader;
    return address < RAM_BYTES && bytes <= RAM_BYTES - address ? ram + address : NULL;
}

static void install(unsigned vcpus)
{
    struct acpi_reader reader = {map};
    assert_int_equal(acpi_tables_install(&memory, vcpus, &why), STATUS_OK);
    assert_int_equal(acpi_parse(&reader, NULL, 0, &info, &why), STATUS_OK); // by scanning
    assert_int_equal(info.tables_rejected, 0);
}

// ---- What a guest finds ----

static void the_rsdp_is_where_it_is_said_to_be(void **state)
{
    const struct acpi_rsdp *rsdp = (const void *)(ram + ACPI_TABLES_BASE);
    (void)state;
    install(1);
    assert_memory_equal(rsdp->signature, "RSD PTR ", 8);
    assert_int_equal(rsdp->revision, 2);
    assert_int_equal(rsdp->length, 36);
    assert_int_equal(bytes_sum(rsdp, 20), 0);
    assert_int_equal(bytes_sum(rsdp, 36), 0);
}

static void nothing_is_written_outside_the_area(void **state)
{
    (void)state;
    install(64);
    for (uint64_t i = 0; i < RAM_BYTES; i++) {
        if (i < ACPI_TABLES_BASE || i >= ACPI_TABLES_BASE + ACPI_TABLES_BYTES) {
            assert_int_equal(ram[i], 0xa5);
        }
    }
}

static void both_root_tables_list_the_same(void **state)
{
    const struct acpi_rsdp *rsdp = (const void *)(ram + ACPI_TABLES_BASE);
    (void)state;
    install(2);
    const struct acpi_header *rsdt = (const void *)(ram + rsdp->rsdt);
    const struct acpi_header *xsdt = (const void *)(ram + rsdp->xsdt);
    unsigned count = (rsdt->length - 36) / 4;

    assert_int_equal(bytes_sum(rsdt, rsdt->length), 0);
    assert_int_equal((xsdt->length - 36) / 8, count);
    assert_true(count >= 3);
    for (unsigned i = 0; i < count; i++) {
        uint32_t low;
        uint64_t wide;

        memcpy(&low, (const uint8_t *)(rsdt + 1) + 4UL * i, sizeof(low));
        memcpy(&wide, (const uint8_t *)(xsdt + 1) + 8UL * i, sizeof(wide));
        assert_int_equal(low, wide);
        assert_int_equal(low % 16, 0);
    }
}

// The ID in the MADT's entry for the I/O APIC, whose form is told by type and length.
static unsigned io_apic_id(void)
{
    static const uint8_t address[] = {0x00, 0x00, 0xc0, 0xfe, 0, 0, 0, 0};
    for (const uint8_t *at = ram + ACPI_TABLES_BASE; at < ram + MIB - 12; at++) {
        if (at[0] == 1 && at[1] == 12 && memcmp(at + 4, address, sizeof(address)) == 0) {
            return at[2];
        }
    }
    return UINT32_MAX;
}

static void the_madt_has_the_apics_of_the_vm(void **state)
{
    (void)state;
    install(4);
    assert_true(info.has_madt && info.has_8259);
    assert_int_equal(info.local_apic_address, 0xfee00000);
    assert_int_equal(info.processor_count, 4);
    assert_int_equal(info.processors_disabled, 0);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(info.processors[i].apic_id, i);
        assert_int_equal(info.processors[i].uid, i);
    }
    assert_int_equal(info.io_apic_count, 1);
    assert_int_equal(info.io_apics[0].address, 0xfec00000);
    assert_int_equal(info.io_apics[0].gsi_base, 0);
    assert_int_equal(io_apic_id(), 4); // no local APIC's
}

static void irq_0_is_input_2_and_irq_9_a_level(void **state)
{
    (void)state;
    install(1);
    for (uint32_t irq = 0; irq < ACPI_ISA_IRQS; irq++) {
        assert_int_equal(info.isa[irq].gsi, irq == 0 ? 2 : irq);
        assert_int_equal(info.isa[irq].level, irq == 9);
        assert_false(info.isa[irq].active_low);
    }
    assert_int_equal(info.nmi_count, 1);
    assert_int_equal(info.nmis[0].lint, 1);
    assert_int_equal(info.nmis[0].uid, ACPI_ALL_PROCESSORS);
}

static void ids_from_255_on_are_x2apic_ids(void **state)
{
    (void)state;
    for (unsigned vcpus = 254; vcpus <= 257; vcpus++) {
        install(vcpus);
        assert_int_equal(info.processor_count, vcpus);
        assert_int_equal(info.processors[vcpus - 1].apic_id, vcpus - 1);
        assert_int_equal(info.processors[vcpus - 1].uid, vcpus - 1);
        assert_int_equal(info.nmi_count, vcpus > 255 ? 2 : 1);
    }
}

static void the_fadt_has_the_fixed_hardware(void **state)
{
    (void)state;
    install(1);
    assert_true(info.has_fadt && info.has_8042 && info.pm_timer_32_bits);
    assert_false(info.hardware_reduced);
    assert_int_equal(info.pm_timer.address, ACPI_PM_BASE + ACPI_PM_TIMER);
    assert_int_equal(info.pm_timer.space, ACPI_SPACE_IO);
    assert_int_equal(info.pm1a_control.address, 0x604);
    assert_false(info.pm1b_control.present);
    assert_int_equal(info.smi_command_port, 0);
    assert_int_equal(info.reset.address, 0xcf9);
    assert_int_equal(info.reset_value, 6);
    assert_int_equal(info.rtc_century, 0x32);
}

static void s5_is_what_the_model_takes(void **state)
{
    (void)state;
    install(1);
    assert_true(info.has_s5);
    assert_int_equal(info.s5_a, ACPI_PM_SLEEP_TYPE_S5);
}

static void the_hpet_is_found(void **state)
{
    (void)state;
    install(1);
    assert_true(info.hpet.present);
    assert_int_equal(info.hpet.address, 0xfed00000);
    assert_int_equal(info.hpet.space, ACPI_SPACE_MEMORY);
}

static const struct acpi_header *find_table(const char *signature)
{
    const struct acpi_rsdp *rsdp = (const void *)(ram + ACPI_TABLES_BASE);
    const struct acpi_header *rsdt = (const void *)(ram + rsdp->rsdt);
    for (unsigned i = 0; i < (rsdt->length - sizeof(*rsdt)) / 4; i++) {
        uint32_t address;
        memcpy(&address, (const uint8_t *)(rsdt + 1) + 4UL * i, sizeof(address));
        if (memcmp(ram + address, signature, 4) == 0) {
            return (const void *)(ram + address);
        }
    }
    return NULL;
}

static void pci_has_its_configuration_in_memory(void **state)
{
    (void)state;
    install(1);
    const struct acpi_mcfg *mcfg = (const void *)find_table("MCFG");
    assert_non_null(mcfg);
    assert_int_equal(mcfg->header.length, 60);
    assert_int_equal(bytes_sum(mcfg, 60), 0);
    assert_int_equal(mcfg->base, 0xfeb00000);
    assert_int_equal(mcfg->segment, 0);
    assert_int_equal(mcfg->first_bus, 0);
    assert_int_equal(mcfg->last_bus, 0);
}

// ---- What cannot be ----

static void without_that_memory_there_are_none(void **state)
{
    (void)state;
    memory.extent_count = 1; // only below the VGA hole
    assert_int_equal(acpi_tables_install(&memory, 1, &why), STATUS_RANGE);
    assert_string_equal(why.text, "no RAM at 0xe0000 for the ACPI tables: mem= is below 1M");
}

static void there_are_as_many_vcpus_as_fit(void **state)
{
    unsigned vcpus = 1024;
    (void)state;
    install(vcpus);
    assert_int_equal(info.processor_count, vcpus);
    while (acpi_tables_install(&memory, vcpus, &why) == STATUS_OK) {
        vcpus++;
    }
    assert_in_range(vcpus, 1024, 2048);
    assert_non_null(strstr(why.text, "are longer than 64 KiB"));
    assert_int_equal(acpi_tables_install(&memory, UINT32_MAX, &why), STATUS_RANGE);
    assert_int_equal(ram[ACPI_TABLES_BASE + ACPI_TABLES_BYTES], 0xa5);
}

// ---- iasl ----

static void write_table(const char *folder, const struct acpi_header *table)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%.4s.dat", folder, table->signature);
    FILE *file = fopen(path, "wbx");

    assert_non_null(file);
    assert_int_equal(fwrite(table, table->length, 1, file), 1);
    assert_int_equal(fclose(file), 0);
}

static void write_tables(const char *folder)
{
    const struct acpi_rsdp *rsdp = (const void *)(ram + ACPI_TABLES_BASE);
    const struct acpi_header *rsdt = (const void *)(ram + rsdp->rsdt);
    const uint32_t *listed = (const uint32_t *)(rsdt + 1);
    write_table(folder, rsdt);
    write_table(folder, (const void *)(ram + rsdp->xsdt));
    for (unsigned i = 0; i < (rsdt->length - sizeof(*rsdt)) / 4; i++) {
        const struct acpi_header *table = (const void *)(ram + listed[i]);

        write_table(folder, table);
        if (memcmp(table->signature, "FACP", 4) == 0) {
            const struct acpi_fadt *fadt = (const void *)table;

            assert_int_equal(fadt->firmware_control % 64, 0);
            assert_int_equal(fadt->x_firmware_control, fadt->firmware_control);
            write_table(folder, (const void *)(ram + fadt->firmware_control));
            write_table(folder, (const void *)(ram + fadt->dsdt));
        }
    }
}

// iasl must not complain in either direction, and the compiled table must be as long as before.
static void iasl_takes_them_apart_and_together(void **state)
{
    static const unsigned counts[] = {1, 4, 64, 300};
    static const char script[] =
        "cd %s && for t in *.dat; do iasl -vs -d $t || exit 1; done > out 2>&1 && "
        "for t in *.dsl; do iasl -vs -we $t || exit 1; done >> out 2>&1 && "
        "! grep -iE '[1-9][0-9]* (errors|warnings|remarks)|invalid|incorrect|\\*\\*\\*' out *.dsl";
    char command[512];
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(counts); i++) {
        char folder[] = "/tmp/husk-acpi-XXXXXX";

        assert_non_null(mkdtemp(folder));
        install(counts[i]);
        write_tables(folder);
        snprintf(command, sizeof(command), script, folder);
        int status = system(command);

        snprintf(command, sizeof(command), "%scat %s/out; rm -r %s", status ? "" : ": || ", folder,
                 folder);
        assert_int_equal(system(command), 0);
        assert_int_equal(status, 0);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, ram_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_rsdp_is_where_it_is_said_to_be),
        TEST(nothing_is_written_outside_the_area),
        TEST(both_root_tables_list_the_same),
        TEST(the_madt_has_the_apics_of_the_vm),
        TEST(irq_0_is_input_2_and_irq_9_a_level),
        TEST(ids_from_255_on_are_x2apic_ids),
        TEST(the_fadt_has_the_fixed_hardware),
        TEST(s5_is_what_the_model_takes),
        TEST(the_hpet_is_found),
        TEST(pci_has_its_configuration_in_memory),
        TEST(without_that_memory_there_are_none),
        TEST(there_are_as_many_vcpus_as_fit),
        TEST(iasl_takes_them_apart_and_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
