// SPDX-License-Identifier: MIT
// Tests of the page walk: the paging modes, the access rights, hostile tables.
#include "vmm/memory/guest_walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "tests/host/memory/tables_fixture.h"
#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/types.h"

static struct guest_memory memory;
static struct paging_state paging;
static struct walk_result result;

static int set_up(void **state)
{
    (void)state;
    memset(tables_ram, 0, sizeof(tables_ram));
    memory = (struct guest_memory){
        .base = tables_ram, .extent_count = 1, .extents = {{.gpa = gpa(0), .bytes = RAM_BYTES}}};
    paging = (struct paging_state){.cr0 = CR0_PE | CR0_PG | CR0_WP,
                                   .cr3 = 0x1000,
                                   .cr4 = CR4_PAE,
                                   .efer = EFER_LME | EFER_LMA | EFER_NXE};
    return 0;
}

static void assert_maps(uint64_t address, unsigned access, uint64_t expected)
{
    assert_int_equal(guest_walk(&memory, &paging, gva(address), access, &result), WALK_MAPPED);
    assert_int_equal(result.gpa.value, expected);
}

static void assert_faults(uint64_t address, unsigned access, uint32_t error_code)
{
    assert_int_equal(guest_walk(&memory, &paging, gva(address), access, &result), WALK_PAGE_FAULT);
    assert_int_equal(result.error_code, error_code);
}

static void test_paging_off(void **state)
{
    (void)state;
    paging.cr0 = CR0_PE;
    assert_maps(0xfee00020, ACCESS_WRITE, 0xfee00020);
    assert_maps(0x1fee00020, ACCESS_READ, 0xfee00020);
}

static void test_4_levels(void **state)
{
    (void)state;
    map_4_levels(P | W);
    assert_maps(ADDRESS, ACCESS_READ, 0xabcd123);
    assert_int_equal(get64(PML4E), 0x2000 | P | W | A);
    assert_int_equal(get64(PDPTE), 0x3000 | P | W | A);
    assert_int_equal(get64(PDE), 0x4000 | P | W | A);
    assert_int_equal(get64(PTE), 0xabcd000 | P | W | A);
    assert_maps(ADDRESS, ACCESS_WRITE, 0xabcd123);
    assert_int_equal(get64(PTE), 0xabcd000 | P | W | A | D);
    assert_int_equal(get64(PDE), 0x4000 | P | W | A);
    assert_maps(ADDRESS, ACCESS_EXECUTE, 0xabcd123);
}

static void test_5_levels(void **state)
{
    (void)state;
    map_4_levels(P | W);
    paging.cr4 |= CR4_LA57;
    paging.cr3 = 0x5000;
    set64(0x5000 + 511 * 8, 0x1000 | P | W);
    assert_maps(ADDRESS, ACCESS_READ, 0xabcd123);
    set64(0x5000 + 511 * 8, 0x1000 | P | W | PS);
    assert_faults(ADDRESS, ACCESS_READ, 1 | 8);
    set64(0x5000 + 511 * 8, 0);
    set64(0x5000 + 5 * 8, 0x1000 | P | W);
    assert_maps((ADDRESS & 0xffffffffffff) | 5ULL << 48, ACCESS_READ, 0xabcd123);
}

static void test_large_pages(void **state)
{
    (void)state;
    map_4_levels(P | W);
    set64(PDE, 0x7fffffe00000ULL | P | W | PS | BIT(12)); // with its PAT bit
    assert_maps(ADDRESS, ACCESS_READ, 0x7fffffe03123);
    assert_int_equal(get64(PDE) & A, A);
    set64(PDE, 0x602000 | P | PS);
    assert_faults(ADDRESS, ACCESS_READ, 1 | 8);
    set64(PDPTE, 0x5540000000 | P | W | PS);
    assert_maps(ADDRESS, ACCESS_WRITE, 0x5540203123);
    assert_int_equal(get64(PDPTE) & (A | D), A | D);
    set64(PDPTE, 0x5540200000 | P | W | PS);
    assert_faults(ADDRESS, ACCESS_WRITE, 1 | 2 | 8);
    set64(PDPTE, 0x3000 | P | W);
    set64(PML4E, 0x2000 | P | W | PS);
    assert_faults(ADDRESS, ACCESS_READ, 1 | 8);
}

static void test_not_present(void **state)
{
    static const uint64_t entries[] = {PML4E, PDPTE, PDE, PTE};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(entries); i++) {
        map_4_levels(P | W | U);
        set64(entries[i], ~P); // the other bits of an absent entry do not count
        assert_faults(ADDRESS, ACCESS_READ, 0);
        assert_faults(ADDRESS, ACCESS_WRITE, 2);
        assert_faults(ADDRESS, ACCESS_EXECUTE, 16);
        paging.cpl = 3;
        assert_faults(ADDRESS, ACCESS_READ, 4);
        paging.cpl = 0;
        assert_int_equal(get64(entries[i]), ~P);
    }
}

static void test_write_protection(void **state)
{
    static const uint64_t entries[] = {PML4E, PDPTE, PDE, PTE};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(entries); i++) {
        map_4_levels(P | W | U);
        set64(entries[i], get64(entries[i]) & ~W);
        assert_faults(ADDRESS, ACCESS_WRITE, 1 | 2);
        assert_int_equal(get64(PTE) & D, 0);
        assert_maps(ADDRESS, ACCESS_READ, 0xabcd123);
        paging.cr0 &= ~CR0_WP;
        assert_maps(ADDRESS, ACCESS_WRITE, 0xabcd123);
        paging.cpl = 3;
        assert_faults(ADDRESS, ACCESS_WRITE, 1 | 2 | 4);
        assert_faults(ADDRESS, ACCESS_READ | ACCESS_WRITE, 1 | 2 | 4);
        paging.cpl = 0;
        paging.cr0 |= CR0_WP;
    }
}

static void test_user_and_supervisor(void **state)
{
    static const uint64_t entries[] = {PML4E, PDPTE, PDE, PTE};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(entries); i++) {
        map_4_levels(P | W | U);
        set64(entries[i], get64(entries[i]) & ~U);
        paging.cpl = 3;
        assert_faults(ADDRESS, ACCESS_READ, 1 | 4);
        paging.cr4 |= CR4_SMAP | CR4_SMEP; // these do not apply to supervisor pages
        paging.cpl = 0;
        assert_maps(ADDRESS, ACCESS_WRITE, 0xabcd123);
        assert_maps(ADDRESS, ACCESS_EXECUTE, 0xabcd123);
    }
}

static void test_smap_and_smep(void **state)
{
    (void)state;
    map_4_levels(P | W | U);
    paging.cr4 |= CR4_SMAP;
    assert_faults(ADDRESS, ACCESS_READ, 1);
    assert_faults(ADDRESS, ACCESS_WRITE, 1 | 2);
    assert_maps(ADDRESS, ACCESS_EXECUTE, 0xabcd123);
    paging.rflags = RFLAGS_AC;
    assert_maps(ADDRESS, ACCESS_WRITE, 0xabcd123);
    paging.cr4 |= CR4_SMEP;
    assert_faults(ADDRESS, ACCESS_EXECUTE, 1 | 16);
    paging.cpl = 3;
    paging.rflags = 0;
    assert_maps(ADDRESS, ACCESS_WRITE, 0xabcd123);
    assert_maps(ADDRESS, ACCESS_EXECUTE, 0xabcd123);
}

static void test_execute_disable(void **state)
{
    static const uint64_t entries[] = {PML4E, PDPTE, PDE, PTE};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(entries); i++) {
        map_4_levels(P | W);
        set64(entries[i], get64(entries[i]) | NX);
        paging.efer |= EFER_NXE;
        assert_faults(ADDRESS, ACCESS_EXECUTE, 1 | 16);
        assert_maps(ADDRESS, ACCESS_READ, 0xabcd123);
        // Without EFER.NXE the bit is reserved, and the error code has no bit for fetches.
        paging.efer &= ~EFER_NXE;
        assert_faults(ADDRESS, ACCESS_EXECUTE, 1 | 8);
        assert_faults(ADDRESS, ACCESS_READ, 1 | 8);
    }
}

static void test_tables_outside_ram(void **state)
{
    (void)state;
    map_4_levels(P | W);
    set64(PDE, 0x10000 | P | W);
    assert_faults(ADDRESS, ACCESS_READ, 1 | 8);
    assert_int_equal(result.gpa.value, 0x10018);
    set64(PDE, 0xffffffffff000 | P | W);
    assert_faults(ADDRESS, ACCESS_READ, 1 | 8);
    paging.cr3 = ~0ULL;
    assert_faults(ADDRESS, ACCESS_READ, 1 | 8);
    assert_int_equal(result.gpa.value, 0xffffffffff800);
}

// A table may name itself. The walk still ends after the levels of the paging mode.
static void test_tables_in_a_loop(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 512; i++) {
        set64(0x1000 + i * 8, 0x1000 | P | W | U);
    }
    assert_maps(ADDRESS, ACCESS_WRITE, 0x1123);
    assert_maps(~0ULL, ACCESS_WRITE, 0x1fff);
    assert_int_equal(get64(0x1000 + 511 * 8), 0x1000 | P | W | U | A | D);
}

static void test_32_bit(void **state)
{
    (void)state;
    paging.cr4 = 0;
    paging.efer = 0;
    paging.cr3 = 0x1018;                            // PWT and PCD
    set32(0x1000 + 0x3fb * 4, 0x2000 | P | W | PS); // PS is ignored without CR4.PSE
    set32(0x2000 + 0x200 * 4, 0xfee00000 | P | W);
    assert_maps(0xfee00030, ACCESS_WRITE, 0xfee00030);
    assert_int_equal(get32(0x1000 + 0x3fb * 4), 0x2000 | P | W | PS | A);
    assert_int_equal(get32(0x2000 + 0x200 * 4), 0xfee00000 | P | W | A | D);
    assert_faults(0xfee01000, ACCESS_READ, 0);
    assert_faults(0x1000, ACCESS_EXECUTE, 0); // no execute-disable here
    paging.cr4 = CR4_SMEP;
    assert_faults(0x1000, ACCESS_EXECUTE, 16);
}

static void test_32_bit_large_pages(void **state)
{
    (void)state;
    paging.cr4 = CR4_PSE;
    paging.efer = 0;
    set32(0x1000 + 0x3fb * 4, 0xfec00000 | P | W | PS | 0x56 << 13);
    assert_maps(0xfee00030, ACCESS_WRITE, 0x56fee00030);
    assert_int_equal(get32(0x1000 + 0x3fb * 4) & (A | D), A | D);
    set32(0x1000 + 0x3fb * 4, 0xfee00000 | P | W | PS); // bit 21
    assert_faults(0xfee00030, ACCESS_READ, 1 | 8);
    set32(0x1000 + 0x3fb * 4, 0xfec00000 | P | PS);
    paging.cpl = 3;
    assert_faults(0xfee00030, ACCESS_READ, 1 | 4);
}

static void test_pae(void **state)
{
    (void)state;
    paging.efer = EFER_NXE;
    paging.cr3 = 0x1020;
    set64(0x1020 + 3 * 8, 0x3000 | P);
    set64(0x3000 + 0x1f7 * 8, 0x4000 | P | W | U);
    set64(0x4000 + 0 * 8, 0x2fee00000 | P | W | U);
    paging.cpl = 3; // a PDPTE has no rights
    assert_maps(0xfee00ffc, ACCESS_WRITE, 0x2fee00ffc);
    assert_int_equal(get64(0x1020 + 3 * 8), 0x3000 | P);
    assert_int_equal(get64(0x4000), 0x2fee00000 | P | W | U | A | D);
    set64(0x4000, 0x2fee00000 | P | W | U | NX);
    assert_faults(0xfee00000, ACCESS_EXECUTE, 1 | 4 | 16);
    set64(0x4000, 0x2fee00000 | P | W | U | BIT(52)); // reserved in PAE, ignored with 4 levels
    assert_faults(0xfee00000, ACCESS_READ, 1 | 4 | 8);
    set64(0x3000 + 0x1f7 * 8, 0xfee00000 | P | W | U | PS);
    assert_maps(0xfee12345, ACCESS_READ, 0xfee12345);
    assert_faults(0x3fee12345 & 0x7fffffff, ACCESS_READ, 4);
}

// VT-x: what MOV to CR3 loaded counts, whatever is in memory.
static void test_pae_with_loaded_pdptes(void **state)
{
    (void)state;
    paging.efer = EFER_NXE;
    paging.cr3 = 0x1020;
    paging.has_pdptes = true;
    paging.pdptes[3] = 0x3000 | P;
    set64(0x1020 + 2 * 8, 0x3000 | P);
    set64(0x3000 + 0x1f7 * 8, 0xfee00000 | P | W | PS);
    assert_maps(0xfee12345, ACCESS_READ, 0xfee12345);
    assert_faults(0xbee12345, ACCESS_READ, 0);
    paging.cr3 = RAM_BYTES; // nobody reads there
    assert_maps(0xfee12345, ACCESS_READ, 0xfee12345);
}

// AMD-V: the walk checks the entries in memory.
static void test_pae_with_reserved_bits(void **state)
{
    static const uint64_t bad[] = {BIT(1), BIT(2), BIT(6), BIT(8), BIT(52), BIT(63)};
    (void)state;
    paging.efer = EFER_NXE;
    paging.cr3 = 0x1020;
    set64(0x3000 + 0x1f7 * 8, 0xfee00000 | P | W | PS);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        set64(0x1020 + 3 * 8, 0x3000 | P | bad[i]);
        assert_faults(0xfee12345, ACCESS_READ, 1 | 8);
        set64(0x1020 + 3 * 8, 0x3000 | bad[i]); // not present
        assert_faults(0xfee12345, ACCESS_READ, 0);
    }
}

static void test_bits_52_to_62_with_4_levels(void **state)
{
    (void)state;
    map_4_levels(P | W | 0x7ffULL << 52);
    assert_maps(ADDRESS, ACCESS_READ, 0xabcd123);
}

#define WALK_TEST(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WALK_TEST(test_paging_off),
        WALK_TEST(test_4_levels),
        WALK_TEST(test_5_levels),
        WALK_TEST(test_large_pages),
        WALK_TEST(test_not_present),
        WALK_TEST(test_write_protection),
        WALK_TEST(test_user_and_supervisor),
        WALK_TEST(test_smap_and_smep),
        WALK_TEST(test_execute_disable),
        WALK_TEST(test_tables_outside_ram),
        WALK_TEST(test_tables_in_a_loop),
        WALK_TEST(test_32_bit),
        WALK_TEST(test_32_bit_large_pages),
        WALK_TEST(test_pae),
        WALK_TEST(test_pae_with_loaded_pdptes),
        WALK_TEST(test_pae_with_reserved_bits),
        WALK_TEST(test_bits_52_to_62_with_4_levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
