// SPDX-License-Identifier: MIT
// Tests of a VM's MP tables, which are found by scanning and read entry by entry (MP 4).
#include "vmm/board/mp_tables.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/host/ram_fixture.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define RAM_BYTES (1 * MIB)
#define SIGNATURE 0x50654
#define FEATURES 0xbfebfbff

static struct reason why;

// What the tables contain.
static struct found {
    const uint8_t *table;
    unsigned length;
    unsigned entries[5]; // of each type
    unsigned isa_pin[16];
    unsigned isa_flags[16];
    unsigned pci_pin[256];
    unsigned io_apic_id;
    unsigned extint_inputs;
    unsigned extint_lint;
    unsigned nmi_lint;
} found;

static int set_up(void **state)
{
    (void)state;
    ram_set(RAM_BYTES, 0xa5);
    return 0;
}

static uint32_t number(const uint8_t *at, unsigned bytes)
{
    uint32_t value = 0;
    memcpy(&value, at, bytes);
    return value;
}

static const uint8_t *scan(void)
{
    for (uint64_t at = 0xf0000; at < MIB; at += 16) {
        if (memcmp(ram + at, "_MP_", 4) == 0 && bytes_sum(ram + at, 16) == 0) {
            return ram + at;
        }
    }
    return NULL;
}

static void read_interrupt(const uint8_t *entry)
{
    bool isa = entry[4] == 1;
    assert_int_equal(entry[6], found.io_apic_id);
    if (entry[1] == 3) { // the 8259s are on input 0
        assert_int_equal(entry[7], 0);
        found.extint_inputs++;
        return;
    }
    assert_in_range(entry[7], 1, 23);
    if (isa) {
        assert_int_equal(entry[1], 0); // an ordinary interrupt
        found.isa_pin[entry[5]] = entry[7];
        found.isa_flags[entry[5]] = number(entry + 2, 2);
    } else {
        found.pci_pin[entry[5]] = entry[7];
    }
}

static void read_local(const uint8_t *entry)
{
    if (entry[1] == 3) {
        assert_int_equal(entry[6], 0);
        found.extint_lint = entry[7];
    } else {
        assert_int_equal(entry[1], 1);
        assert_int_equal(entry[6], 0xff);
        found.nmi_lint = entry[7];
    }
}

static void read_processor(const uint8_t *entry)
{
    unsigned id = found.entries[0] - 1;
    assert_int_equal(entry[1], id);
    assert_int_equal(entry[2], 0x14);
    assert_int_equal(entry[3], id == 0 ? 3 : 1);
    assert_int_equal(number(entry + 4, 4), SIGNATURE);
    assert_int_equal(number(entry + 8, 4), FEATURES);
}

static const uint8_t *read_entry(const uint8_t *entry)
{
    assert_in_range(*entry, 0, 4);
    found.entries[*entry]++;
    switch (*entry) {
    case 0:
        read_processor(entry);
        return entry + 20;
    case 1:
        assert_memory_equal(entry + 2, entry[1] == 0 ? "PCI   " : "ISA   ", 6);
        break;
    case 2:
        found.io_apic_id = entry[1];
        assert_int_equal(entry[2], 0x20);
        assert_int_equal(entry[3], 1);
        assert_int_equal(number(entry + 4, 4), 0xfec00000);
        break;
    case 3:
        read_interrupt(entry);
        break;
    default:
        read_local(entry);
        break;
    }
    return entry + 8;
}

static void install(unsigned vcpus)
{
    struct mp_tables_cpu cpus = {.count = vcpus, .signature = SIGNATURE, .features = FEATURES};
    assert_int_equal(mp_tables_install(&memory, &cpus, &why), STATUS_OK);
}

// Walks all entries; their types never go back (MP 4.3).
static void read_tables(void)
{
    const uint8_t *pointer = scan();
    uint8_t last = 0;
    assert_non_null(pointer);
    assert_int_equal(pointer[8], 1);
    assert_int_equal(pointer[9], 4);
    assert_int_equal(number(pointer + 11, 4), 0);
    found = (struct found){.table = ram + number(pointer + 4, 4)};
    found.length = number(found.table + 4, 2);
    assert_memory_equal(found.table, "PCMP", 4);
    assert_int_equal(bytes_sum(found.table, found.length), 0);
    assert_int_equal(number(found.table + 36, 4), 0xfee00000);
    const uint8_t *entry = found.table + 44;
    for (unsigned i = 0; i < number(found.table + 34, 2); i++) {
        assert_true(*entry >= last);
        last = *entry;
        entry = read_entry(entry);
    }
    assert_ptr_equal(entry, found.table + found.length);
}

static void every_count_of_vcpus_makes_a_table(void **state)
{
    (void)state;
    for (unsigned vcpus = 1; vcpus <= MP_TABLES_VCPUS_MAX; vcpus++) {
        install(vcpus);
        read_tables();
        assert_int_equal(found.entries[0], vcpus);
        assert_int_equal(found.entries[1], 2);
        assert_int_equal(found.entries[2], 1);
        assert_int_equal(found.io_apic_id, vcpus); // no local APIC's
        assert_int_equal(found.extint_inputs, 1);
    }
}

static void isa_interrupts_are_on_their_pins(void **state)
{
    (void)state;
    install(1);
    read_tables();
    for (unsigned irq = 0; irq < 16; irq++) {
        bool absent = irq == 2 || irq == 10 || irq == 11; // cascade, PCI

        assert_int_equal(found.isa_pin[irq], absent ? 0 : irq == 0 ? 2 : irq);
        assert_int_equal(found.isa_flags[irq], irq == 9 ? 0xd : 0);
    }
}

// As \_SB.PCI0._PRT in dsdt.asl.
static void pci_interrupts_alternate(void **state)
{
    (void)state;
    install(1);
    read_tables();
    for (unsigned slot = 0; slot < 32; slot++) {
        for (unsigned pin = 0; pin < 4; pin++) {
            unsigned expected = (slot + pin) % 2 ? 10 : 11;

            assert_int_equal(found.pci_pin[slot << 2 | pin], slot >= 1 ? expected : 0);
        }
    }
}

static void local_inputs_are_extint_and_nmi(void **state)
{
    (void)state;
    install(3);
    read_tables();
    assert_int_equal(found.entries[4], 2);
    assert_int_equal(found.extint_lint, 0);
    assert_int_equal(found.nmi_lint, 1);
}

static void the_longest_stays_in_its_area(void **state)
{
    (void)state;
    install(MP_TABLES_VCPUS_MAX);
    assert_int_equal(ram[MP_TABLES_BASE - 1], 0xa5);
    assert_int_equal(ram[MP_TABLES_BASE + MP_TABLES_BYTES], 0xa5);
}

static void more_vcpus_have_none(void **state)
{
    (void)state;
    install(MP_TABLES_VCPUS_MAX + 1);
    assert_int_equal(ram[MP_TABLES_BASE], 0xa5);
    assert_null(scan());
}

static void without_that_memory_they_are_refused(void **state)
{
    struct mp_tables_cpu cpus = {.count = 1};
    (void)state;
    memory.extent_count = 1;
    assert_int_equal(mp_tables_install(&memory, &cpus, &why), STATUS_RANGE);
    assert_string_equal(why.text, "no RAM at 0xf0000 for the MP tables: mem= is below 1M");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, ram_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_count_of_vcpus_makes_a_table),
        TEST(isa_interrupts_are_on_their_pins),
        TEST(pci_interrupts_alternate),
        TEST(local_inputs_are_extint_and_nmi),
        TEST(the_longest_stays_in_its_area),
        TEST(more_vcpus_have_none),
        TEST(without_that_memory_they_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
