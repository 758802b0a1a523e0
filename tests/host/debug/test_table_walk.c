// SPDX-License-Identifier: MIT
// Tests of the walk for a person: every mode, every end, hostile tables.
#include "vmm/debug/table_walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "tests/host/memory/tables_fixture.h"
#include "vmm/address.h"
#include "vmm/memory/guest_walk.h"
#include "vmm/util/types.h"

static unsigned reads;
static struct paging_state paging;
static struct table_cpu cpu;
static struct table_walk walk;

static bool read_ram(struct table_reader *reader, gpa_t address, unsigned width, uint64_t *value)
{
    (void)reader;
    reads++;
    assert_true(width == 4 || width == 8);
    if (address.value > RAM_BYTES - width) {
        return false;
    }
    *value = 0;
    memcpy(value, tables_ram + address.value, width);
    return true;
}

static struct table_reader reader = {.read = read_ram};

static int set_up(void **state)
{
    (void)state;
    memset(tables_ram, 0, sizeof(tables_ram));
    reads = 0;
    cpu = (struct table_cpu){.physical_bits = 40, .pages_1g = true};
    paging = (struct paging_state){.cr0 = CR0_PE | CR0_PG,
                                   .cr3 = 0x1000,
                                   .cr4 = CR4_PAE,
                                   .efer = EFER_LME | EFER_LMA | EFER_NXE};
    return 0;
}

static void go(uint64_t address)
{
    table_walk(&reader, &paging, &cpu, gva(address), &walk);
}

static void assert_maps(uint64_t address, uint64_t expected, uint64_t page_bytes)
{
    go(address);
    assert_int_equal(walk.end, TABLE_MAPPED);
    assert_int_equal(walk.gpa.value, expected);
    assert_int_equal(walk.page_bytes, page_bytes);
}

static void assert_step(unsigned index, const char *name, uint64_t at, uint64_t entry)
{
    const struct table_step *step = &walk.steps[index];
    assert_true(index < walk.step_count);
    assert_string_equal(step->name, name);
    assert_int_equal(step->at.value, at);
    assert_int_equal(step->entry, entry);
}

static void test_paging_off(void **state)
{
    (void)state;
    paging.cr0 = CR0_PE;
    paging.efer = 0;
    assert_maps(0xfee00020, 0xfee00020, 0);
    assert_int_equal(walk.mode, TABLE_NONE);
    assert_int_equal(walk.step_count, 0);
    go(0x100000000);
    assert_int_equal(walk.end, TABLE_NO_ADDRESS);
}

static void test_4_levels(void **state)
{
    (void)state;
    map_4_levels(P | W | U);
    assert_maps(ADDRESS, 0xabcd123, PAGE_SIZE);
    assert_int_equal(walk.mode, TABLE_4_LEVELS);
    assert_int_equal(walk.step_count, 4);
    assert_step(0, "PML4E", PML4E, 0x2000 | P | W | U);
    assert_step(1, "PDPTE", PDPTE, 0x3000 | P | W | U);
    assert_step(2, "PDE", PDE, 0x4000 | P | W | U);
    assert_step(3, "PTE", PTE, 0xabcd000 | P | W | U);
    assert_int_equal(walk.steps[0].index, 256);
    assert_int_equal(walk.every, P | W | U);
    set64(PDE, 0x4000 | P | NX);
    assert_maps(ADDRESS, 0xabcd123, PAGE_SIZE);
    assert_int_equal(walk.every, P);
    assert_true(walk.some & NX);
}

static void test_nothing_changes(void **state)
{
    (void)state;
    uint8_t before[RAM_BYTES];
    map_4_levels(P);
    memcpy(before, tables_ram, sizeof(tables_ram));
    assert_maps(ADDRESS, 0xabcd123, PAGE_SIZE);
    assert_memory_equal(before, tables_ram, sizeof(tables_ram));
}

static void test_canonical_addresses(void **state)
{
    (void)state;
    go(0x0000800000000000);
    assert_int_equal(walk.end, TABLE_NO_ADDRESS);
    go(0xffff7fffffffffff);
    assert_int_equal(walk.end, TABLE_NO_ADDRESS);
    assert_int_equal(reads, 0);
    go(0x00007fffffffffff);
    assert_int_equal(walk.end, TABLE_ABSENT);
    paging.cr4 |= CR4_LA57;
    go(0x0000800000000000);
    assert_int_equal(walk.end, TABLE_ABSENT);
    go(0x0100000000000000);
    assert_int_equal(walk.end, TABLE_NO_ADDRESS);
}

static void test_5_levels(void **state)
{
    (void)state;
    paging.cr4 |= CR4_LA57;
    set64(0x1000 + 511 * 8, 0x5000 | P);
    set64(0x5000 + 256 * 8, 0x2000 | P);
    set64(PDPTE, 0x40000000 | P | PS);
    assert_maps(ADDRESS, 0x40203123, PAGE_SIZE_1G);
    assert_int_equal(walk.mode, TABLE_5_LEVELS);
    assert_step(0, "PML5E", 0x1000 + 511 * 8, 0x5000 | P);
    assert_step(2, "PDPTE", PDPTE, 0x40000000 | P | PS);
}

static void test_large_pages(void **state)
{
    (void)state;
    map_4_levels(P);
    set64(PDE, 0xa00000 | P | PS | PWT | PCD | BIT(12));
    assert_maps(ADDRESS, 0xa03123, PAGE_SIZE_2M);
    assert_int_equal(walk.pat_index, 7);
    set64(PDE, 0xa00000 | P | PS | BIT(13));
    go(ADDRESS);
    assert_int_equal(walk.end, TABLE_RESERVED);
    assert_int_equal(walk.steps[2].reserved, BIT(13));
    set64(PDPTE, 0x40000000 | P | PS | BIT(29));
    go(ADDRESS);
    assert_int_equal(walk.end, TABLE_RESERVED);
    assert_int_equal(walk.steps[1].reserved, BIT(29));
    cpu.pages_1g = false;
    go(ADDRESS);
    assert_int_equal(walk.steps[1].reserved, PS);
}

static void test_pat_of_small_pages(void **state)
{
    (void)state;
    map_4_levels(P);
    set64(PTE, 0xabcd000 | P | PS | PCD);
    assert_maps(ADDRESS, 0xabcd123, PAGE_SIZE);
    assert_int_equal(walk.pat_index, 6);
}

static void test_reserved_bits(void **state)
{
    (void)state;
    map_4_levels(P);
    set64(PML4E, 0x2000 | P | PS);
    go(ADDRESS);
    assert_int_equal(walk.end, TABLE_RESERVED);
    assert_int_equal(walk.steps[0].reserved, PS);
    set64(PML4E, 0x2000 | P | BIT(40) | BIT(51) | BIT(52)); // software may use bit 52
    go(ADDRESS);
    assert_int_equal(walk.steps[0].reserved, BIT(40) | BIT(51));
    set64(PML4E, 0x2000 | P | NX);
    go(ADDRESS);
    assert_int_equal(walk.end, TABLE_MAPPED);
    paging.efer &= ~(uint64_t)EFER_NXE;
    go(ADDRESS);
    assert_int_equal(walk.steps[0].reserved, NX);
    set64(PML4E, NX); // not present: the rest does not matter
    go(ADDRESS);
    assert_int_equal(walk.end, TABLE_ABSENT);
}

static void test_tables_outside_ram(void **state)
{
    (void)state;
    map_4_levels(P);
    set64(PDPTE, 0xfee00000 | P);
    go(ADDRESS);
    assert_int_equal(walk.end, TABLE_OUTSIDE);
    assert_step(2, "PDE", 0xfee00008, 0);
    paging.cr3 = RAM_BYTES;
    go(ADDRESS);
    assert_int_equal(walk.end, TABLE_OUTSIDE);
    assert_int_equal(walk.step_count, 1);
}

// A table that is its own parent is walked once for each level, as the CPU does.
static void test_loops_end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 512; i++) {
        set64(0x1000 + i * 8ULL, 0x1000 | P);
    }
    assert_maps(ADDRESS, 0x1123, PAGE_SIZE);
    assert_int_equal(reads, 4);
}

static void set_pae(void)
{
    paging.cr3 = 0x1020;
    paging.efer = EFER_NXE;
    set64(0x1020 + 2 * 8, 0x2000 | P);
    set64(0x2000 + 1 * 8, 0x3000 | P | W);
    set64(0x3000 + 3 * 8, 0xabcd000 | P | W);
}

static void test_pae(void **state)
{
    (void)state;
    set_pae();
    assert_maps(0x80203123, 0xabcd123, PAGE_SIZE);
    assert_int_equal(walk.mode, TABLE_PAE);
    assert_step(0, "PDPTE", 0x1030, 0x2000 | P);
    assert_true(walk.every & W); // a PDPTE has no rights
    set64(0x1030, 0x2000 | P | W);
    go(0x80203123);
    assert_int_equal(walk.end, TABLE_RESERVED);
    assert_int_equal(walk.steps[0].reserved, W);
    set64(0x1030, 0);
    go(0x80203123);
    assert_int_equal(walk.end, TABLE_ABSENT);
    go(0x180203123);
    assert_int_equal(walk.end, TABLE_NO_ADDRESS);
    set64(0x1030, 0x2000 | P);
    set64(0x2008, 0x3000 | P | BIT(52));
    go(0x80203123);
    assert_int_equal(walk.steps[1].reserved, BIT(52));
}

static void test_pae_by_registers(void **state)
{
    (void)state;
    set_pae();
    set64(0x1030, 0);
    paging.has_pdptes = true;
    paging.pdptes[2] = 0x2000 | P;
    assert_maps(0x80203123, 0xabcd123, PAGE_SIZE);
    assert_true(walk.steps[0].in_register);
    paging.pdptes[2] = 0;
    go(0x80203123);
    assert_int_equal(walk.end, TABLE_ABSENT);
}

static void test_32_bit(void **state)
{
    (void)state;
    paging.cr4 = CR4_PSE;
    paging.efer = 0;
    set32(0x1000 + 2 * 4, 0x2000 | P | W);
    set32(0x2000 + 3 * 4, 0xabcd000 | P | W | PCD);
    assert_maps(0x803123, 0xabcd123, PAGE_SIZE);
    assert_int_equal(walk.mode, TABLE_32_BIT);
    assert_step(0, "PDE", 0x1008, 0x2000 | P | W);
    assert_step(1, "PTE", 0x200c, 0xabcd000 | P | W | PCD);
    assert_int_equal(walk.pat_index, 2);
    set32(0x1008, 0xc00000 | P | PS | 0xab << 13);
    assert_maps(0x803123, 0xab00c03123, 4 * MIB);
    set32(0x1008, 0xc00000 | P | PS | 1U << 21);
    go(0x803123);
    assert_int_equal(walk.end, TABLE_RESERVED);
    cpu.physical_bits = 36;
    set32(0x1008, 0xc00000 | P | PS | 1U << 17);
    go(0x803123);
    assert_int_equal(walk.steps[0].reserved, BIT(17));
    paging.cr4 = 0; // bit 7 has no meaning
    set32(0x1008, 0x2000 | P | PS);
    assert_maps(0x803123, 0xabcd123, PAGE_SIZE);
}

#define TEST(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_paging_off),
        TEST(test_4_levels),
        TEST(test_nothing_changes),
        TEST(test_canonical_addresses),
        TEST(test_5_levels),
        TEST(test_large_pages),
        TEST(test_pat_of_small_pages),
        TEST(test_reserved_bits),
        TEST(test_tables_outside_ram),
        TEST(test_loops_end),
        TEST(test_pae),
        TEST(test_pae_by_registers),
        TEST(test_32_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
