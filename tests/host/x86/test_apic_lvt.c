// SPDX-License-Identifier: MIT
// Tests of what becomes of the local vector table that firmware leaves.
#include "arch/x86/apic_lvt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/apic_registers.h"
#include "arch/x86/vectors.h"

#define RESET 0x10000u // an entry after INIT
#define MASKED (APIC_LVT_MASKED | VECTOR_LINT)
#define SMI APIC_LVT_SMI
#define VERSION(last) (0x10u | (last) << APIC_VERSION_MAX_LVT_SHIFT)

static uint32_t page[0x600 / APIC_REGISTER_STEP];
static uint32_t thermal;
static unsigned extended_accesses;

static uint32_t read_page(uint32_t offset)
{
    extended_accesses += offset >= APIC_EXTENDED_FEATURE;
    return page[APIC_NUMBER(offset)];
}

static void write_page(uint32_t offset, uint32_t value)
{
    page[APIC_NUMBER(offset)] = value;
}

static const struct apic_registers apic = {.read = read_page, .write = write_page};

// A CPU whose entries have what a boot loader uses.
static void new_cpu(uint32_t version)
{
    memset(page, 0, sizeof(page));
    page[APIC_NUMBER(APIC_VERSION)] = version;
    page[APIC_NUMBER(APIC_LVT_TIMER)] = 0x20;
    page[APIC_NUMBER(APIC_LVT_LINT0)] = APIC_LVT_EXTINT;
    page[APIC_NUMBER(APIC_LVT_LINT1)] = APIC_LVT_NMI;
    page[APIC_NUMBER(APIC_LVT_PERFORMANCE)] = APIC_LVT_NMI;
    page[APIC_NUMBER(APIC_LVT_THERMAL)] = 0xfa;
    page[APIC_NUMBER(APIC_LVT_CMCI)] = 0xf2;
}

static void assert_entry(uint32_t offset, uint32_t value)
{
    assert_int_equal(page[APIC_NUMBER(offset)], value);
}

static int set_up(void **state)
{
    (void)state;
    thermal = 0;
    extended_accesses = 0;
    return 0;
}

static void test_all_are_masked(void **state)
{
    (void)state;
    new_cpu(VERSION(6));
    apic_lvt_mask(&apic, &thermal);
    assert_entry(APIC_LVT_TIMER, MASKED);
    assert_entry(APIC_LVT_LINT0, MASKED);
    assert_entry(APIC_LVT_LINT1, MASKED);
    assert_entry(APIC_LVT_PERFORMANCE, MASKED);
    assert_entry(APIC_LVT_THERMAL, MASKED);
    assert_entry(APIC_LVT_CMCI, MASKED);
    assert_int_equal(extended_accesses, 0);
}

static void test_entries_that_are_not_there(void **state)
{
    (void)state;
    new_cpu(VERSION(3));
    apic_lvt_mask(&apic, &thermal);
    assert_entry(APIC_LVT_LINT1, MASKED);
    assert_entry(APIC_LVT_PERFORMANCE, APIC_LVT_NMI);
    assert_entry(APIC_LVT_THERMAL, 0xfa);
    assert_entry(APIC_LVT_CMCI, 0xf2);
}

static void test_the_firmwares_smi_stays(void **state)
{
    (void)state;
    new_cpu(VERSION(6));
    page[APIC_NUMBER(APIC_LVT_THERMAL)] = SMI;
    page[APIC_NUMBER(APIC_LVT_CMCI)] = SMI;
    page[APIC_NUMBER(APIC_LVT_PERFORMANCE)] = SMI | APIC_LVT_MASKED; // off
    apic_lvt_mask(&apic, &thermal);
    assert_entry(APIC_LVT_THERMAL, SMI);
    assert_entry(APIC_LVT_CMCI, SMI);
    assert_entry(APIC_LVT_PERFORMANCE, MASKED);
    new_cpu(VERSION(6)); // another CPU, after INIT
    page[APIC_NUMBER(APIC_LVT_THERMAL)] = RESET;
    page[APIC_NUMBER(APIC_LVT_CMCI)] = RESET;
    apic_lvt_mask(&apic, &thermal);
    assert_entry(APIC_LVT_THERMAL, SMI);
    assert_entry(APIC_LVT_CMCI, MASKED);
}

static void test_extended_entries(void **state)
{
    (void)state;
    new_cpu(VERSION(5) | (uint32_t)APIC_VERSION_EXTENDED);
    page[APIC_NUMBER(APIC_EXTENDED_FEATURE)] = 4 << APIC_EXTENDED_COUNT_SHIFT | 7;
    page[APIC_NUMBER(APIC_EXTENDED_LVT)] = APIC_LVT_NMI;
    page[APIC_NUMBER(APIC_EXTENDED_LVT + 0x10)] = 0xf9;
    page[APIC_NUMBER(APIC_EXTENDED_LVT + 0x20)] = SMI;
    page[APIC_NUMBER(APIC_EXTENDED_LVT + 0x40)] = 0x77; // not one of the four
    apic_lvt_mask(&apic, &thermal);
    assert_entry(APIC_EXTENDED_LVT, MASKED);
    assert_entry(APIC_EXTENDED_LVT + 0x10, MASKED);
    assert_entry(APIC_EXTENDED_LVT + 0x20, SMI);
    assert_entry(APIC_EXTENDED_LVT + 0x30, MASKED);
    assert_entry(APIC_EXTENDED_LVT + 0x40, 0x77);
}

static void test_more_extended_entries_than_can_be(void **state)
{
    (void)state;
    new_cpu(VERSION(5) | (uint32_t)APIC_VERSION_EXTENDED);
    page[APIC_NUMBER(APIC_EXTENDED_FEATURE)] = UINT32_MAX; // the test's page ends after 16
    apic_lvt_mask(&apic, &thermal);
    assert_entry(APIC_EXTENDED_LVT + 0xf0, MASKED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_all_are_masked, set_up),
        cmocka_unit_test_setup(test_entries_that_are_not_there, set_up),
        cmocka_unit_test_setup(test_the_firmwares_smi_stays, set_up),
        cmocka_unit_test_setup(test_extended_entries, set_up),
        cmocka_unit_test_setup(test_more_extended_entries_than_can_be, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
