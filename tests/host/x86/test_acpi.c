// SPDX-License-Identifier: MIT
// Tests of the ACPI parser with tables that are good, old, odd and broken.
#include "arch/x86/acpi.h"
#include "arch/x86/acpi_layout.h"
#include "arch/x86/acpi_parse.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define MEMORY_BYTES (2 * MIB)
#define MAPPINGS_MAX 256
#define RSDP_AT 0xe1230
#define XSDT_AT 0x110000
#define RSDT_AT 0x111000
#define MADT_AT 0x112003 // tables need not be aligned
#define FADT_AT 0x11a000
#define DSDT_AT 0x11b000
#define HPET_AT 0x11c000
#define SSDT_AT 0x11d000
#define SPCR_AT 0x11e000
#define DMAR_AT 0x11f000

// Physical memory. Each mapping is a copy of its own, so that a read beyond its end is found.
struct fake {
    struct acpi_reader reader;
    uint8_t *memory;
    void *mappings[MAPPINGS_MAX];
    unsigned mapping_count;
    struct acpi_info info;
    struct reason why;
};

static const void *fake_map(struct acpi_reader *reader, uint64_t address, uint64_t bytes)
{
    struct fake *fake = container_of(reader, struct fake, reader);
    if (address >= MEMORY_BYTES || bytes > MEMORY_BYTES - address)
        return NULL;
    assert_true(fake->mapping_count < MAPPINGS_MAX);
    void *copy = malloc(bytes);
    memcpy(copy, fake->memory + address, bytes);
    fake->mappings[fake->mapping_count++] = copy;
    return copy;
}

static int setup(void **state)
{
    struct fake *fake = calloc(1, sizeof(*fake));
    fake->memory = calloc(1, MEMORY_BYTES);
    fake->reader.map = fake_map;
    *state = fake;
    return 0;
}

static int teardown(void **state)
{
    struct fake *fake = *state;
    for (unsigned i = 0; i < fake->mapping_count; i++)
        free(fake->mappings[i]);
    free(fake->memory);
    free(fake);
    return 0;
}

static void fix(uint8_t *bytes, size_t length, uint8_t *checksum)
{
    *checksum = 0;
    *checksum = (uint8_t)-bytes_sum(bytes, length);
}

static void put_rsdp(struct fake *fake, uint64_t at, uint8_t revision, uint32_t rsdt, uint64_t xsdt)
{
    struct acpi_rsdp *rsdp = (struct acpi_rsdp *)(fake->memory + at);
    memcpy(rsdp->signature, "RSD PTR ", 8);
    rsdp->revision = revision;
    rsdp->rsdt = rsdt;
    rsdp->length = sizeof(*rsdp);
    rsdp->xsdt = xsdt;
    fix((uint8_t *)rsdp, ACPI_RSDP_V1_BYTES, &rsdp->checksum);
    fix((uint8_t *)rsdp, sizeof(*rsdp), &rsdp->extended_checksum);
}

static void put_table(struct fake *fake, uint64_t at, const char *signature, uint8_t revision,
                      const void *body, size_t bytes)
{
    struct acpi_header *header = (struct acpi_header *)(fake->memory + at);
    memcpy(header->signature, signature, 4);
    header->revision = revision;
    header->length = (uint32_t)(sizeof(*header) + bytes);
    memcpy(header + 1, body, bytes);
    fix((uint8_t *)header, header->length, &header->checksum);
}

static void put_xsdt(struct fake *fake, const uint64_t *tables, size_t count)
{
    put_rsdp(fake, RSDP_AT, 2, 0, XSDT_AT);
    put_table(fake, XSDT_AT, "XSDT", 1, tables, count * sizeof(*tables));
}

static void put_madt(struct fake *fake, const void *entries, size_t bytes)
{
    uint8_t body[40000] = {0x00, 0x00, 0xe0, 0xfe, 1, 0, 0, 0};
    const uint64_t tables[] = {MADT_AT};
    memcpy(body + 8, entries, bytes);
    put_table(fake, MADT_AT, "APIC", 3, body, 8 + bytes);
    put_xsdt(fake, tables, 1);
}

static enum status parse(struct fake *fake)
{
    return acpi_parse(&fake->reader, NULL, 0, &fake->info, &fake->why);
}

static void test_no_rsdp(void **state)
{
    struct fake *fake = *state;
    assert_int_equal(parse(fake), STATUS_NOT_FOUND);
    assert_string_equal(fake->why.text, "ACPI: no RSDP with a good checksum");
    assert_true(fake->info.has_8042);
    assert_int_equal(fake->info.isa[7].gsi, 7);
    assert_int_equal(fake->info.processor_count, 0);
}

static void test_rsdp_in_ebda(void **state)
{
    struct fake *fake = *state;
    const uint32_t none[] = {0};
    fake->memory[0x40e] = 0xc0; // segment 0x9fc0
    fake->memory[0x40f] = 0x9f;
    put_rsdp(fake, 0x9fc10, 0, RSDT_AT, 0);
    put_table(fake, RSDT_AT, "RSDT", 1, none, 0);
    assert_int_equal(parse(fake), STATUS_OK);
}

static void test_rsdp_copy_is_preferred(void **state)
{
    struct fake *fake = *state;
    struct acpi_rsdp copy;
    put_rsdp(fake, RSDP_AT, 2, 0, XSDT_AT);
    put_table(fake, XSDT_AT, "XSDT", 1, "", 0);
    memcpy(&copy, fake->memory + RSDP_AT, sizeof(copy));
    memset(fake->memory + RSDP_AT, 0, sizeof(copy));
    assert_int_equal(acpi_parse(&fake->reader, &copy, sizeof(copy), &fake->info, &fake->why),
                     STATUS_OK);
    assert_int_equal(acpi_parse(&fake->reader, &copy, 19, &fake->info, &fake->why),
                     STATUS_NOT_FOUND);
    // Only the old part of the RSDP, which has no XSDT address.
    assert_int_equal(acpi_parse(&fake->reader, &copy, 20, &fake->info, &fake->why), STATUS_INVALID);
    copy.checksum ^= 1;
    assert_int_equal(acpi_parse(&fake->reader, &copy, sizeof(copy), &fake->info, &fake->why),
                     STATUS_NOT_FOUND);
}

static void test_rsdp_wrong_second_checksum_leaves_rsdt(void **state)
{
    struct fake *fake = *state;
    put_rsdp(fake, RSDP_AT, 2, RSDT_AT, XSDT_AT);
    put_table(fake, RSDT_AT, "RSDT", 1, "", 0);
    fake->memory[RSDP_AT + offsetof(struct acpi_rsdp, extended_checksum)] ^= 1;
    assert_int_equal(parse(fake), STATUS_OK);
    assert_int_equal(fake->info.tables_rejected, 0); // the XSDT was not even looked at
}

static void test_broken_xsdt_falls_back_to_rsdt(void **state)
{
    struct fake *fake = *state;
    put_rsdp(fake, RSDP_AT, 2, RSDT_AT, XSDT_AT);
    put_table(fake, XSDT_AT, "XSDT", 1, "", 0);
    fake->memory[XSDT_AT + 10] ^= 1;
    put_table(fake, RSDT_AT, "RSDT", 1, "", 0);
    assert_int_equal(parse(fake), STATUS_OK);
    assert_int_equal(fake->info.tables_rejected, 1);
    assert_string_equal(fake->info.first_rejected, "XSDT");
    fake->memory[RSDT_AT + 10] ^= 1;
    assert_int_equal(parse(fake), STATUS_INVALID);
}

static void test_table_lengths(void **state)
{
    struct fake *fake = *state;
    const uint64_t tables[] = {HPET_AT, MEMORY_BYTES - 4, UINT64_MAX, 0};
    put_table(fake, HPET_AT, "HPET", 1, "", 0);
    put_xsdt(fake, tables, ARRAY_SIZE(tables));
    const uint32_t lengths[] = {0, 35, MEMORY_BYTES, 17 * MIB, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        memcpy(fake->memory + HPET_AT + 4, &lengths[i], sizeof(lengths[i]));
        assert_int_equal(parse(fake), STATUS_OK);
        assert_int_equal(fake->info.tables_rejected, 3);
        assert_string_equal(fake->info.first_rejected, "HPET");
    }
}

static void test_madt_processors(void **state)
{
    struct fake *fake = *state;
    const uint8_t entries[] = {
        0,  8,  0, 0,    1,   0,   0,   0, // enabled
        0,  8,  1, 2,    1,   0,   0,   0, // a gap before it
        0,  8,  2, 4,    0,   0,   0,   0, // disabled
        0,  8,  3, 6,    2,   0,   0,   0, // online capable is not enabled
        0,  8,  4, 0xff, 1,   0,   0,   0, // the broadcast id is nobody's
        9,  16, 0, 0,    2,   0,   0,   0,   1, 0, 0, 0, 9, 0, 0, 0, // known already
        9,  16, 0, 0,    1,   2,   0,   0,   1, 0, 0, 0, 7, 0, 0, 0, // 513
        9,  16, 0, 0,    3,   2,   0,   0,   0, 0, 0, 0, 8, 0, 0, 0, // disabled
        9,  16, 0, 0,    255, 255, 255, 255, 1, 0, 0, 0, 8, 0, 0, 0,
        9,  8,  0, 0,    5,   0,   0,   0, // too short for its type
        77, 4,  0, 0,                      // unknown
    };
    put_madt(fake, entries, sizeof(entries));
    assert_int_equal(parse(fake), STATUS_OK);
    assert_true(fake->info.has_madt);
    assert_true(fake->info.has_8259);
    assert_int_equal(fake->info.processor_count, 3);
    assert_int_equal(fake->info.processors_disabled, 3);
    assert_int_equal(fake->info.processors[1].apic_id, 2);
    assert_int_equal(fake->info.processors[1].uid, 1);
    assert_int_equal(fake->info.processors[2].apic_id, 513);
    assert_int_equal(fake->info.local_apic_address, 0xfee00000);
}

static void test_madt_too_many_processors(void **state)
{
    struct fake *fake = *state;
    uint8_t *entries = calloc(ACPI_PROCESSORS_MAX + 5, 16);
    for (unsigned i = 0; i < ACPI_PROCESSORS_MAX + 5; i++) {
        const uint8_t entry[16] = {9, 16, 0, 0, (uint8_t)i, (uint8_t)(i >> 8), 0, 0, 1};
        memcpy(entries + (size_t)16 * i, entry, sizeof(entry));
    }
    put_madt(fake, entries, (size_t)16 * (ACPI_PROCESSORS_MAX + 5));
    free(entries);
    assert_int_equal(parse(fake), STATUS_OK);
    assert_int_equal(fake->info.processor_count, ACPI_PROCESSORS_MAX);
    assert_int_equal(fake->info.processors_left_over, 5);
}

static void test_madt_interrupts(void **state)
{
    struct fake *fake = *state;
    const uint8_t entries[] = {
        1,  12, 2,    0,    0,   0,   0xc0, 0xfe, 0,    0, 0, 0, // I/O APIC 2
        1,  12, 3,    0,    0,   0,   0xc1, 0xfe, 24,   0, 0, 0, // and 3 from 24
        2,  10, 0,    0,    2,   0,   0,    0,    0,    0,       // IRQ 0 -> 2
        2,  10, 0,    9,    9,   0,   0,    0,    0x0f, 0,       // low, level
        2,  10, 0,    16,   9,   0,   0,    0,    0x0f, 0,       // no such IRQ
        2,  10, 1,    3,    9,   0,   0,    0,    0x0f, 0,       // not ISA
        4,  6,  0xff, 0x05, 0,   1,                              // NMI on LINT1 of all
        4,  6,  3,    0x0f, 0,   0,                              // on LINT0 of one
        4,  6,  3,    0x0f, 0,   2,                              // no such input
        10, 12, 0,    0,    255, 255, 255,  255,  1,    0, 0, 0, // of all, the other way
        5,  12, 0,    0,    0,   0,   0xe0, 0xfe, 1,    0, 0, 0, // moved above 4 GiB
    };
    put_madt(fake, entries, sizeof(entries));
    assert_int_equal(parse(fake), STATUS_OK);
    const struct acpi_info *info = &fake->info;
    assert_int_equal(info->io_apic_count, 2);
    assert_int_equal(info->io_apics[1].address, 0xfec10000);
    assert_int_equal(info->io_apics[1].gsi_base, 24);
    assert_int_equal(info->isa[0].gsi, 2);
    assert_false(info->isa[0].active_low || info->isa[0].level);
    assert_true(info->isa[9].active_low && info->isa[9].level);
    assert_int_equal(info->isa[3].gsi, 3);
    assert_int_equal(info->nmi_count, 3);
    assert_int_equal(info->nmis[0].uid, ACPI_ALL_PROCESSORS);
    assert_int_equal(info->nmis[0].lint, 1);
    assert_false(info->nmis[0].active_low || info->nmis[0].level);
    assert_true(info->nmis[1].active_low && info->nmis[1].level);
    assert_int_equal(info->nmis[2].uid, ACPI_ALL_PROCESSORS);
    assert_true(info->local_apic_address == 0x1fee00000);
}

static void test_madt_entries_cut_off(void **state)
{
    struct fake *fake = *state;
    const uint8_t zero_length[] = {0, 8, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0};
    const uint8_t too_long[] = {0, 8, 0, 0, 1, 0, 0, 0, 0, 9, 1, 1, 1, 0, 0, 0};
    const uint8_t one_byte[] = {0, 8, 0, 0, 1, 0, 0, 0, 0};
    put_madt(fake, zero_length, sizeof(zero_length));
    assert_int_equal(parse(fake), STATUS_OK);
    assert_int_equal(fake->info.processor_count, 1);
    put_madt(fake, too_long, sizeof(too_long));
    assert_int_equal(parse(fake), STATUS_OK);
    assert_int_equal(fake->info.processor_count, 1);
    put_madt(fake, one_byte, sizeof(one_byte));
    assert_int_equal(parse(fake), STATUS_OK);
    assert_int_equal(fake->info.processor_count, 1);
}

static void put_fadt(struct fake *fake, const struct acpi_fadt *fadt, size_t bytes)
{
    const uint64_t tables[] = {FADT_AT};
    put_table(fake, FADT_AT, "FACP", fadt->header.revision, &fadt->firmware_control,
              bytes - sizeof(fadt->header));
    put_xsdt(fake, tables, 1);
}

static void test_fadt_old(void **state)
{
    struct fake *fake = *state;
    const struct acpi_fadt fadt = {.header.revision = 1,
                                   .smi_command = 0xb2,
                                   .acpi_enable = 2,
                                   .pm1a_control = 0x604,
                                   .pm1_control_bytes = 2,
                                   .pm_timer = 0x608,
                                   .pm_timer_bytes = 4,
                                   .century = 0x32,
                                   .flags = FADT_FLAG_RESET};
    put_fadt(fake, &fadt, FADT_V1_BYTES);
    assert_int_equal(parse(fake), STATUS_OK);
    const struct acpi_info *info = &fake->info;
    assert_true(info->has_fadt && info->has_8042);
    assert_int_equal(info->smi_command_port, 0xb2);
    assert_int_equal(info->acpi_enable, 2);
    assert_true(info->pm1a_control.present && !info->pm1b_control.present);
    assert_int_equal(info->pm1a_control.address, 0x604);
    assert_int_equal(info->pm1a_control.bits, 16);
    assert_int_equal(info->pm1a_control.space, ACPI_SPACE_IO);
    assert_int_equal(info->pm_timer.address, 0x608);
    assert_false(info->pm_timer_32_bits);
    assert_false(info->reset.present); // claimed, but the table is too short to have it
    assert_int_equal(info->rtc_century, 0x32);
}

static void test_fadt_new(void **state)
{
    struct fake *fake = *state;
    const struct acpi_fadt fadt = {
        .header.revision = 6,
        .pm1a_control = 0x604,
        .pm_timer = 0x608,
        .flags = FADT_FLAG_RESET | FADT_FLAG_TIMER_32,
        .reset = {.space = ACPI_SPACE_IO, .bit_width = 8, .address = 0xcf9},
        .reset_value = 6,
        .x_pm1a_event = {.space = ACPI_SPACE_IO, .bit_width = 32, .address = 0x600},
        .x_pm1a_control = {.space = ACPI_SPACE_MEMORY, .bit_width = 8, .address = 0xfed80804},
        .x_pm1b_control = {.space = ACPI_SPACE_IO, .bit_width = 16, .address = 0x1804},
    };
    put_fadt(fake, &fadt, sizeof(fadt));
    assert_int_equal(parse(fake), STATUS_OK);
    const struct acpi_info *info = &fake->info;
    assert_false(info->has_8042);
    assert_true(info->reset.present);
    assert_int_equal(info->reset.address, 0xcf9);
    assert_int_equal(info->reset_value, 6);
    assert_int_equal(info->pm1a_control.space, ACPI_SPACE_MEMORY);
    assert_int_equal(info->pm1a_control.address, 0xfed80804);
    assert_int_equal(info->pm1a_control.bits, 16); // whatever the table says
    assert_int_equal(info->pm1a_status.address, 0x600);
    assert_int_equal(info->pm1a_status.bits, 16); // the other half enables
    assert_int_equal(info->pm1b_control.address, 0x1804);
    assert_false(info->pm1b_status.present);
    assert_true(info->pm_timer_32_bits);
}

static void test_fadt_unusable_new_registers_leave_the_old(void **state)
{
    struct fake *fake = *state;
    const struct acpi_fadt fadt = {
        .header.revision = 6,
        .pm1a_control = 0x604,
        .pm_timer = 0x608,
        .x_pm1a_control = {.space = 0x7f, .bit_width = 16, .address = 0x604},
        .x_pm_timer = {.space = ACPI_SPACE_IO, .bit_width = 32, .address = 0x10608},
    };
    put_fadt(fake, &fadt, sizeof(fadt));
    assert_int_equal(parse(fake), STATUS_OK);
    assert_int_equal(fake->info.pm1a_control.space, ACPI_SPACE_IO);
    assert_int_equal(fake->info.pm1a_control.address, 0x604);
    assert_int_equal(fake->info.pm_timer.address, 0x608);
}

static void test_fadt_reset_needs_its_flag(void **state)
{
    struct fake *fake = *state;
    const struct acpi_fadt fadt = {
        .header.revision = 6,
        .reset = {.space = ACPI_SPACE_IO, .bit_width = 8, .address = 0xcf9},
    };
    put_fadt(fake, &fadt, sizeof(fadt));
    assert_int_equal(parse(fake), STATUS_OK);
    assert_false(fake->info.reset.present);
}

static void test_fadt_hardware_reduced(void **state)
{
    struct fake *fake = *state;
    const struct acpi_fadt fadt = {
        .header.revision = 5,
        .pm_timer = 0x608,
        .pm1a_control = 0x604,
        .flags = FADT_FLAG_HARDWARE_REDUCED,
        .sleep_control = {.space = ACPI_SPACE_IO, .bit_width = 8, .address = 0x600},
        .sleep_status = {.space = ACPI_SPACE_MEMORY, .bit_width = 8, .address = 0xfed80001},
    };
    put_fadt(fake, &fadt, sizeof(fadt));
    assert_int_equal(parse(fake), STATUS_OK);
    assert_true(fake->info.hardware_reduced);
    assert_false(fake->info.pm_timer.present || fake->info.pm1a_control.present);
    assert_int_equal(fake->info.sleep_control.address, 0x600);
    assert_int_equal(fake->info.sleep_status.address, 0xfed80001);
    assert_int_equal(fake->info.sleep_status.bits, 8);
}

static void test_fadt_too_short(void **state)
{
    struct fake *fake = *state;
    const struct acpi_fadt fadt = {.header.revision = 1, .pm_timer = 0x608};
    put_fadt(fake, &fadt, FADT_V1_BYTES - 1);
    assert_int_equal(parse(fake), STATUS_OK);
    assert_false(fake->info.has_fadt || fake->info.pm_timer.present);
}

static bool parse_dsdt(struct fake *fake, const uint8_t *aml, size_t bytes)
{
    const struct acpi_fadt fadt = {.header.revision = 1, .dsdt = DSDT_AT};
    put_table(fake, DSDT_AT, "DSDT", 1, aml, bytes);
    put_fadt(fake, &fadt, FADT_V1_BYTES);
    assert_int_equal(parse(fake), STATUS_OK);
    return fake->info.has_s5;
}

#define PARSE_DSDT(...)                                                                            \
    parse_dsdt(fake, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void test_s5(void **state)
{
    struct fake *fake = *state;
    assert_true(PARSE_DSDT(0x08, '_', 'S', '5', '_', 0x12, 6, 4, 0x0a, 5, 0x0a, 6, 0, 0));
    assert_int_equal(fake->info.s5_a, 5);
    assert_int_equal(fake->info.s5_b, 6);
    assert_true(PARSE_DSDT(1, 0x08, '\\', '_', 'S', '5', '_', 0x12, 0x46, 0, 2, 1, 0x0b, 7, 0));
    assert_int_equal(fake->info.s5_a, 1);
    assert_int_equal(fake->info.s5_b, 7);
    assert_true(PARSE_DSDT(0x08, '_', 'S', '5', '_', 0x12, 6, 1, 0x0c, 3, 0, 0, 0));
    assert_int_equal(fake->info.s5_a, 3);
    assert_int_equal(fake->info.s5_b, 3);
    assert_true(PARSE_DSDT(8, '_', 'S', '5', '_', 0x12, 18, 2, 0x0e, 6, 0, 0, 0, 0, 0, 0, 0, 0xff));
    assert_int_equal(fake->info.s5_a, 6);
    assert_int_equal(fake->info.s5_b, 7);
    // A reference to it comes first.
    assert_true(PARSE_DSDT('_', 'S', '5', '_', 8, '_', 'S', '5', '_', 0x12, 4, 2, 0, 0));
    assert_int_equal(fake->info.s5_a, 0);
}

static void test_s5_broken(void **state)
{
    struct fake *fake = *state;
    assert_false(PARSE_DSDT(0));
    assert_false(PARSE_DSDT('_', 'S', '5', '_', 0x12, 4, 2, 0, 0)); // not a definition
    assert_false(PARSE_DSDT(8, '_', 'S', '5'));
    assert_false(PARSE_DSDT(8, '_', 'S', '5', '_'));
    assert_false(PARSE_DSDT(8, '_', 'S', '5', '_', 0x12));
    assert_false(PARSE_DSDT(8, '_', 'S', '5', '_', 0x12, 0xc6, 1));
    assert_false(PARSE_DSDT(8, '_', 'S', '5', '_', 0x12, 6, 0));
    assert_false(PARSE_DSDT(8, '_', 'S', '5', '_', 0x12, 6, 2, 0x0a));
    assert_false(PARSE_DSDT(8, '_', 'S', '5', '_', 0x12, 6, 2, 0, 0x0c, 1));
    assert_false(PARSE_DSDT(8, '_', 'S', '5', '_', 0x12, 6, 2, 0, 0x70));
}

static void test_s5_in_ssdt_and_hpet(void **state)
{
    struct fake *fake = *state;
    const uint8_t aml[] = {8, '_', 'S', '5', '_', 0x12, 4, 2, 0x0a, 7, 0x0a, 7};
    const uint64_t tables[] = {SSDT_AT, HPET_AT};
    struct acpi_hpet hpet = {.base = {.space = 0, .bit_width = 64, .address = 0xfed00000}};
    put_table(fake, SSDT_AT, "SSDT", 1, aml, sizeof(aml));
    put_table(fake, HPET_AT, "HPET", 1, &hpet.hardware, sizeof(hpet) - sizeof(hpet.header));
    put_xsdt(fake, tables, ARRAY_SIZE(tables));
    assert_int_equal(parse(fake), STATUS_OK);
    assert_int_equal(fake->info.s5_a, 7);
    assert_true(fake->info.hpet.present);
    assert_int_equal(fake->info.hpet.address, 0xfed00000);
}

static const struct acpi_spcr com2 = {
    .header.revision = 2,
    .type = 0,
    .base = {.space = ACPI_SPACE_IO, .bit_width = 8, .access_size = 1, .address = 0x2f8},
    .interrupt_type = 3,
    .irq = 3,
    .gsi = 3,
    .baud_rate = 4,
    .clock_hz = 1000000, // not yet in this revision
};

static const struct acpi_serial *parse_spcr(struct fake *fake, const struct acpi_spcr *spcr,
                                            size_t bytes)
{
    const uint64_t tables[] = {SPCR_AT};
    put_table(fake, SPCR_AT, "SPCR", spcr->header.revision, &spcr->type,
              bytes - sizeof(spcr->header));
    put_xsdt(fake, tables, 1);
    assert_int_equal(parse(fake), STATUS_OK);
    return &fake->info.serial;
}

static void test_dmar(void **state)
{
    static const struct {
        uint8_t flags;
        size_t bytes;
        bool unwanted;
    } tables[] = {{3, 12, true}, {2, 12, true}, {1, 12, false}, {3, 11, false}};
    const uint64_t addresses[] = {DMAR_AT};
    struct fake *fake = *state;
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        const uint8_t body[12] = {38, tables[i].flags};
        put_table(fake, DMAR_AT, "DMAR", 1, body, tables[i].bytes);
        put_xsdt(fake, addresses, 1);
        assert_int_equal(parse(fake), STATUS_OK);
        assert_int_equal(fake->info.x2apic_unwanted, tables[i].unwanted);
    }
}

static void test_spcr_at_a_port(void **state)
{
    const struct acpi_serial *serial = parse_spcr(*state, &com2, SPCR_V1_BYTES);
    assert_true(serial->present && !serial->in_memory);
    assert_int_equal(serial->address, 0x2f8);
    assert_int_equal(serial->stride, 1);
    assert_int_equal(serial->access_bytes, 1);
    assert_int_equal(serial->baud, 19200);
    assert_int_equal(serial->clock_hz, 0);
    assert_true(serial->has_irq && serial->has_gsi);
    assert_int_equal(serial->irq, 3);
    assert_int_equal(serial->gsi, 3);
}

static void test_spcr_in_memory(void **state)
{
    struct acpi_spcr spcr = com2;
    spcr.header.revision = 4;
    spcr.type = 0x12;
    spcr.base = (struct acpi_gas){.bit_width = 32, .access_size = 3, .address = 0xfedc9000};
    spcr.interrupt_type = 2;
    spcr.baud_rate = 0;
    spcr.clock_hz = 48000000;
    spcr.precise_baud_rate = 115200;
    const struct acpi_serial *serial = parse_spcr(*state, &spcr, sizeof(spcr));
    assert_true(serial->present && serial->in_memory);
    assert_int_equal(serial->address, 0xfedc9000);
    assert_int_equal(serial->stride, 4);
    assert_int_equal(serial->access_bytes, 4);
    assert_int_equal(serial->baud, 115200);
    assert_int_equal(serial->clock_hz, 48000000);
    assert_false(serial->has_irq);
}

static void test_spcr_registers(void **state)
{
    static const struct {
        uint8_t bit_width;
        uint8_t access_size;
        uint8_t stride;
        uint8_t access_bytes;
    } cases[] = {
        {8, 1, 1, 1},  {8, 0, 1, 1},   {0, 0, 1, 1},
        {32, 1, 4, 1}, {16, 2, 2, 2},  {8, 3, 4, 4}, // every register in a double word of its own
        {32, 4, 4, 1}, {255, 9, 4, 1}, {64, 3, 4, 4},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct acpi_spcr spcr = com2;
        spcr.base = (struct acpi_gas){.bit_width = cases[i].bit_width,
                                      .access_size = cases[i].access_size,
                                      .address = 0xfedc9000};
        const struct acpi_serial *serial = parse_spcr(*state, &spcr, SPCR_V1_BYTES);
        assert_int_equal(serial->stride, cases[i].stride);
        assert_int_equal(serial->access_bytes, cases[i].access_bytes);
    }
}

static void test_spcr_baud_rates(void **state)
{
    static const uint32_t rates[] = {0, 0, 0, 9600, 19200, 0, 57600, 115200, 0};
    for (size_t code = 0; code < ARRAY_SIZE(rates); code++) {
        struct acpi_spcr spcr = com2;
        spcr.baud_rate = (uint8_t)code;
        assert_int_equal(parse_spcr(*state, &spcr, SPCR_V1_BYTES)->baud, rates[code]);
    }
    struct acpi_spcr spcr = com2;
    spcr.baud_rate = UINT8_MAX;
    assert_int_equal(parse_spcr(*state, &spcr, SPCR_V1_BYTES)->baud, 0);
}

static void test_spcr_that_is_of_no_use(void **state)
{
    assert_false(parse_spcr(*state, &com2, SPCR_V1_BYTES - 1)->present);
    struct acpi_spcr spcr = com2;
    spcr.type = 3; // an ARM PL011
    assert_false(parse_spcr(*state, &spcr, SPCR_V1_BYTES)->present);
    spcr = com2;
    spcr.base.address = 0; // switched off
    assert_false(parse_spcr(*state, &spcr, SPCR_V1_BYTES)->present);
    spcr.base.address = 0xfff9;
    assert_false(parse_spcr(*state, &spcr, SPCR_V1_BYTES)->present);
    spcr.base.address = 0xfff8;
    assert_true(parse_spcr(*state, &spcr, SPCR_V1_BYTES)->present);
    spcr.base.space = ACPI_SPACE_PCI;
    assert_false(parse_spcr(*state, &spcr, SPCR_V1_BYTES)->present);
    spcr.base = (struct acpi_gas){.access_size = 3, .address = 0xfedc9002}; // not aligned
    assert_false(parse_spcr(*state, &spcr, SPCR_V1_BYTES)->present);
    spcr.base.address = UINT64_MAX - 15;
    assert_false(parse_spcr(*state, &spcr, SPCR_V1_BYTES)->present);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_rsdp, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rsdp_in_ebda, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rsdp_copy_is_preferred, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rsdp_wrong_second_checksum_leaves_rsdt, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_broken_xsdt_falls_back_to_rsdt, setup, teardown),
        cmocka_unit_test_setup_teardown(test_table_lengths, setup, teardown),
        cmocka_unit_test_setup_teardown(test_madt_processors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_madt_too_many_processors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_madt_interrupts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_madt_entries_cut_off, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fadt_old, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fadt_new, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fadt_unusable_new_registers_leave_the_old, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_fadt_reset_needs_its_flag, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fadt_hardware_reduced, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fadt_too_short, setup, teardown),
        cmocka_unit_test_setup_teardown(test_s5, setup, teardown),
        cmocka_unit_test_setup_teardown(test_s5_broken, setup, teardown),
        cmocka_unit_test_setup_teardown(test_s5_in_ssdt_and_hpet, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dmar, setup, teardown),
        cmocka_unit_test_setup_teardown(test_spcr_at_a_port, setup, teardown),
        cmocka_unit_test_setup_teardown(test_spcr_in_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_spcr_registers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_spcr_baud_rates, setup, teardown),
        cmocka_unit_test_setup_teardown(test_spcr_that_is_of_no_use, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
