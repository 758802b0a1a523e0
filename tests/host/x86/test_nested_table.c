// SPDX-License-Identifier: MIT
// Tests of the tables that map guest-physical memory: they map the right page with the largest page
// that fits.
#include "arch/x86/nested_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/frames.h"
#include "arch/x86/table_release.h"
#include "vmm/backend.h"

#define PRESENT 7ULL
#define TABLE 0x207ULL
#define LEAF 0x800ULL // so that it shows in the entries of pages alone
#define ADDRESS 0x000ffffffffff000ULL
#define MIB_2 (2 * MIB)

static unsigned live_frames;
static unsigned frames_left;
static unsigned largest;
static uint64_t *root;

void *frames_allocate(uint64_t pages)
{
    assert_int_equal(pages, 1);
    if (frames_left == 0) {
        return NULL;
    }
    frames_left--;
    live_frames++;
    void *memory = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
    assert_non_null(memory);
    return memset(memory, 0, PAGE_SIZE);
}

void frames_release(void *memory, uint64_t pages)
{
    assert_int_equal(pages, 1);
    live_frames--;
    free(memory);
}

uint64_t frames_physical(const void *memory)
{
    return (uintptr_t)memory;
}

void *frames_virtual(uint64_t physical)
{
    return (void *)(uintptr_t)physical;
}

static uint64_t page_flags(unsigned access, unsigned level)
{
    return LEAF | access | (uint64_t)level << 9;
}

static unsigned largest_level(void)
{
    return largest;
}

static unsigned allowed(uint64_t entry)
{
    return entry & ACCESS_ALL;
}

static const struct nested_format format = {.present = PRESENT,
                                            .table = TABLE,
                                            .page = page_flags,
                                            .allowed = allowed,
                                            .largest = largest_level};

static int set_up(void **state)
{
    (void)state;
    frames_left = 1000;
    largest = 3;
    root = frames_allocate(1);
    return 0;
}

// Releases all tables. Returns in how many pieces.
static unsigned release_all(void)
{
    unsigned pieces = 1;
    unsigned before = live_frames;
    while (!nested_free(&format, root)) {
        assert_in_range(before - live_frames, 1, TABLES_A_PIECE);
        before = live_frames;
        pieces++;
    }
    assert_int_equal(live_frames, 0);
    return pieces;
}

static int tear_down(void **state)
{
    (void)state;
    release_all();
    return 0;
}

// The entry that maps `address`, found as the hardware does. 0: none.
static uint64_t find(uint64_t address, unsigned *level)
{
    const uint64_t *table = root;
    for (*level = NESTED_LEVELS;; (*level)--) {
        uint64_t entry = table[address >> (12 + 9 * (*level - 1)) & 511];

        if (!(entry & PRESENT) || *level == 1 || (entry & NESTED_LARGE)) {
            return entry & PRESENT ? entry : 0;
        }
        assert_int_equal(entry & ~ADDRESS, TABLE);
        table = frames_virtual(entry & ADDRESS);
    }
}

static void assert_mapped(uint64_t gpa, uint64_t hpa, unsigned access, unsigned expected_level)
{
    unsigned level;
    uint64_t entry = find(gpa, &level);
    uint64_t offset = gpa & ((PAGE_SIZE << 9 * (level - 1)) - 1);
    assert_int_equal(level, expected_level);
    assert_int_equal((entry & ADDRESS) + offset, hpa);
    assert_int_equal(entry & PRESENT, access);
    assert_true(entry & LEAF);
    assert_int_equal((entry & NESTED_LARGE) != 0, level > 1);
}

static void assert_unmapped(uint64_t gpa)
{
    unsigned level;
    assert_int_equal(find(gpa, &level), 0);
}

static enum status map(uint64_t gpa, uint64_t hpa, uint64_t bytes)
{
    while (bytes > 0) {
        uint64_t done = nested_map(&format, root, (gpa_t){gpa}, (hpa_t){hpa}, bytes, ACCESS_ALL);

        if (done == 0) {
            return STATUS_NO_MEMORY;
        }
        assert_true(done <= bytes && IS_ALIGNED(done, PAGE_SIZE));
        gpa += done;
        hpa += done;
        bytes -= done;
    }
    return STATUS_OK;
}

static void the_largest_page_that_fits_is_used(void **state)
{
    (void)state;
    assert_int_equal(map(GIB - PAGE_SIZE, 5 * GIB - PAGE_SIZE, GIB + MIB_2 + 2 * PAGE_SIZE),
                     STATUS_OK);
    assert_unmapped(GIB - 2 * PAGE_SIZE);
    assert_mapped(GIB - PAGE_SIZE, 5 * GIB - PAGE_SIZE, ACCESS_ALL, 1);
    assert_mapped(GIB, 5 * GIB, ACCESS_ALL, 3);
    assert_mapped(2 * GIB - 1, 6 * GIB - 1, ACCESS_ALL, 3);
    assert_mapped(2 * GIB, 6 * GIB, ACCESS_ALL, 2);
    assert_mapped(2 * GIB + MIB_2, 6 * GIB + MIB_2, ACCESS_ALL, 1);
    assert_unmapped(2 * GIB + MIB_2 + PAGE_SIZE);
}

static void what_the_cpu_lacks_is_not_used(void **state)
{
    (void)state;
    largest = 2;
    assert_int_equal(map(0, 0, GIB), STATUS_OK);
    assert_mapped(0, 0, ACCESS_ALL, 2);
    largest = 1;
    assert_int_equal(map(4 * GIB, GIB, MIB_2), STATUS_OK);
    assert_mapped(4 * GIB + MIB_2 - 1, GIB + MIB_2 - 1, ACCESS_ALL, 1);
}

// The addresses differ below 2 MiB, so no large page can map one to the other.
static void both_addresses_must_be_aligned(void **state)
{
    (void)state;
    assert_int_equal(map(0, PAGE_SIZE, 2 * MIB_2), STATUS_OK);
    assert_mapped(MIB_2, MIB_2 + PAGE_SIZE, ACCESS_ALL, 1);
}

static void a_page_is_taken_out_of_a_large_one(void **state)
{
    uint64_t hole = GIB + 3 * MIB_2 + 7 * PAGE_SIZE;
    (void)state;
    assert_int_equal(map(GIB, 7 * GIB, GIB), STATUS_OK);
    assert_int_equal(nested_unmap(&format, root, (gpa_t){hole}, PAGE_SIZE), STATUS_OK);
    assert_unmapped(hole);
    assert_mapped(hole - 1, 6 * GIB + hole - 1, ACCESS_ALL, 1);
    assert_mapped(hole + PAGE_SIZE, 6 * GIB + hole + PAGE_SIZE, ACCESS_ALL, 1);
    assert_mapped(GIB, 7 * GIB, ACCESS_ALL, 2);
    assert_mapped(2 * GIB - 1, 8 * GIB - 1, ACCESS_ALL, 2);
}

// Also if it was split before: then its table is given back, and a large page fits again.
static void large_pages_are_taken_out_whole(void **state)
{
    (void)state;
    assert_int_equal(map(GIB, 7 * GIB, GIB), STATUS_OK);
    assert_int_equal(nested_unmap(&format, root, (gpa_t){GIB + PAGE_SIZE}, PAGE_SIZE), STATUS_OK);
    assert_int_equal(nested_unmap(&format, root, (gpa_t){GIB - PAGE_SIZE}, PAGE_SIZE + 2 * MIB_2),
                     STATUS_OK);
    frames_left = 0;
    assert_unmapped(GIB);
    assert_unmapped(GIB + 2 * MIB_2 - 1);
    assert_mapped(GIB + 2 * MIB_2, 7 * GIB + 2 * MIB_2, ACCESS_ALL, 2);
    assert_int_equal(nested_unmap(&format, root, (gpa_t){GIB}, MIB_2),
                     STATUS_OK); // it is not there
    assert_int_equal(map(GIB, 5 * GIB, MIB_2), STATUS_OK);
    assert_mapped(GIB, 5 * GIB, ACCESS_ALL, 2);
}

static void a_page_can_be_mapped_over_another(void **state)
{
    (void)state;
    assert_int_equal(map(0, 0, MIB_2), STATUS_OK);
    assert_int_equal(
        nested_map(&format, root, (gpa_t){PAGE_SIZE}, (hpa_t){GIB}, PAGE_SIZE, ACCESS_READ),
        PAGE_SIZE);
    assert_mapped(PAGE_SIZE, GIB, ACCESS_READ, 1);
    assert_mapped(2 * PAGE_SIZE, 2 * PAGE_SIZE, ACCESS_ALL, 1);
}

static void the_way_of_an_address_is_found(void **state)
{
    struct nested_way way;
    (void)state;
    assert_int_equal(map(GIB, 7 * GIB, GIB + PAGE_SIZE), STATUS_OK);
    nested_find(&format, root, (gpa_t){GIB + 0x1234567}, &way);
    assert_int_equal(way.step_count, 2);
    assert_int_equal(way.steps[0].at.value, frames_physical(root));
    assert_int_equal(way.steps[0].entry, root[0]);
    assert_int_equal(way.steps[0].access, root[0] & ACCESS_ALL);
    assert_int_equal(way.steps[1].access, way.steps[1].entry & ACCESS_ALL);
    assert_int_equal(way.page_bytes, GIB);
    assert_int_equal(way.hpa.value, 7 * GIB + 0x1234567);
    nested_find(&format, root, (gpa_t){2 * GIB + 5}, &way);
    assert_int_equal(way.step_count, NESTED_LEVELS);
    assert_int_equal(way.page_bytes, PAGE_SIZE);
    assert_int_equal(way.hpa.value, 8 * GIB + 5);
    nested_find(&format, root, (gpa_t){2 * GIB + PAGE_SIZE}, &way);
    assert_int_equal(way.step_count, NESTED_LEVELS);
    assert_int_equal(way.page_bytes, 0);
    nested_find(&format, root, (gpa_t){BIT(48) + GIB}, &way); // beyond the tables
    assert_int_equal(way.step_count, 0);
    assert_int_equal(way.page_bytes, 0);
}

// The failure is reported, and everything can be released.
static void a_lack_of_frames_leaks_none(void **state)
{
    (void)state;
    for (unsigned left = 0; left < 6; left++) {
        frames_left = left;
        assert_int_equal(map(GIB - PAGE_SIZE, PAGE_SIZE, 2 * MIB_2), STATUS_NO_MEMORY);
        frames_left = left;
        assert_int_equal(map(8 * GIB, 0, GIB), left > 0 ? STATUS_OK : STATUS_NO_MEMORY);
        frames_left = 0;
        assert_int_equal(nested_unmap(&format, root, (gpa_t){8 * GIB}, PAGE_SIZE),
                         STATUS_NO_MEMORY);
        release_all();
        frames_left = 1;
        root = frames_allocate(1);
    }
}

// ---- In pieces ----

static uint64_t map_piece(uint64_t gpa, uint64_t bytes)
{
    return nested_map(&format, root, (gpa_t){gpa}, (hpa_t){gpa}, bytes, ACCESS_ALL);
}

static void a_piece_is_at_most_a_table(void **state)
{
    (void)state;
    assert_int_equal(map_piece(MIB_2 - 2 * PAGE_SIZE, 4 * GIB), 2 * PAGE_SIZE);
    assert_int_equal(map_piece(MIB_2, 4 * GIB), GIB - MIB_2);
    assert_int_equal(map_piece(GIB, 4 * GIB), 4 * GIB); // in pages of 1 GiB
    assert_int_equal(map_piece(5 * GIB, MIB_2 + PAGE_SIZE), MIB_2);
    largest = 1;
    assert_int_equal(map_piece(8 * GIB, GIB), MIB_2);
    assert_int_equal(map_piece(8 * GIB + MIB_2, PAGE_SIZE), PAGE_SIZE);
}

// A guest that makes Husk split many large pages does not make the end of its VM take long at once.
static void many_split_pages_are_released_in_pieces(void **state)
{
    (void)state;
    largest = 2;
    assert_int_equal(map(0, 0, GIB), STATUS_OK);
    for (unsigned i = 0; i < 512; i++) {
        assert_int_equal(nested_unmap(&format, root, (gpa_t){i * MIB_2}, PAGE_SIZE), STATUS_OK);
    }
    unsigned tables = live_frames;

    assert_int_equal(tables, 1 + 1 + 1 + 512);
    assert_int_equal(release_all(), ALIGN_UP(tables, TABLES_A_PIECE) / TABLES_A_PIECE);
    root = frames_allocate(1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_largest_page_that_fits_is_used), TEST(what_the_cpu_lacks_is_not_used),
        TEST(both_addresses_must_be_aligned),     TEST(a_page_is_taken_out_of_a_large_one),
        TEST(large_pages_are_taken_out_whole),    TEST(a_page_can_be_mapped_over_another),
        TEST(a_lack_of_frames_leaks_none),        TEST(the_way_of_an_address_is_found),
        TEST(a_piece_is_at_most_a_table),         TEST(many_split_pages_are_released_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
