// SPDX-License-Identifier: MIT
// Tests of the address spaces of VMs: RAM comes and goes in pieces, and no frame is lost.
#include "arch/x86/host_space.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/cpu.h"
#include "arch/x86/frames.h"
#include "arch/x86/guest_frames.h"
#include "arch/x86/host_hole.h"
#include "arch/x86/host_store.h"
#include "arch/x86/page_table.h"
#include "arch/x86/paging.h"
#include "arch/x86/panic.h"
#include "vmm/memory/guest_memory.h"

#define FRAMES 4096UL // 8 GiB
#define FRAMES_A_GIB (GIB / GUEST_FRAME_BYTES)
#define PAGES_MAX 8192
#define TABLES 40 // that a space seems to have below each entry of its PML4

static struct reason why;
static struct host_space space;
static struct guest_extent extents[GUEST_EXTENTS];
static unsigned extent_count;

// ---- The CPUs and Husk's own frames ----

static struct cpu cpu;
static unsigned live_pages;
static bool pool_is_empty;
static uint64_t kernel_root[PAGE_TABLE_ENTRIES];

struct cpu *cpu_this(void)
{
    return &cpu;
}

unsigned cpu_count(void)
{
    return 1;
}

struct cpu *cpu_by_index(unsigned index)
{
    assert_int_equal(index, 0);
    return &cpu;
}

uint64_t paging_kernel_cr3(void)
{
    return (uintptr_t)kernel_root;
}

void paging_enter(uint64_t cr3)
{
    cpu.cr3 = cr3;
}

void *frames_allocate(uint64_t pages)
{
    if (pool_is_empty) {
        return NULL;
    }
    live_pages += (unsigned)pages;
    return calloc(pages, PAGE_SIZE);
}

void frames_release(void *memory, uint64_t pages)
{
    live_pages -= (unsigned)pages;
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

uint64_t frames_total_bytes(void)
{
    return 0;
}

uint64_t frames_free_bytes(void)
{
    return 0;
}

_Noreturn void panic(const char *format, ...)
{
    fail_msg("panic: %s", format);
    abort();
}

// ---- Memory for guests ----

static bool taken[FRAMES];
static uint64_t frames_free;
static uint64_t moved_frames; // since the piece began

bool guest_frames_reserve(uint64_t count)
{
    bool enough = count <= frames_free;
    frames_free -= enough ? count : 0;
    return enough;
}

void guest_frames_unreserve(uint64_t count)
{
    frames_free += count;
    assert_true(frames_free <= FRAMES);
}

bool guest_frames_take(uint64_t count, uint64_t alignment, hpa_t *first)
{
    uint64_t step = alignment / GUEST_FRAME_BYTES;
    assert_true(count == 1 || count == FRAMES_A_GIB);
    for (uint64_t at = 0; at < FRAMES; at += step) {
        if (!memchr(&taken[at], true, count)) {
            memset(&taken[at], true, count);
            moved_frames += count;
            *first = hpa(at * GUEST_FRAME_BYTES);
            return true;
        }
    }
    assert_int_not_equal(count, 1); // a reserved frame is always there
    return false;
}

void guest_frames_release(hpa_t first, uint64_t count)
{
    assert_true(IS_ALIGNED(first.value, count * GUEST_FRAME_BYTES));
    for (uint64_t i = 0; i < count; i++) {
        bool *frame = &taken[first.value / GUEST_FRAME_BYTES + i];
        assert_true(*frame);
        *frame = false;
    }
    frames_free += count;
    moved_frames += count;
}

uint64_t guest_frames_total_bytes(void)
{
    return FRAMES * GUEST_FRAME_BYTES;
}

uint64_t guest_frames_free_bytes(void)
{
    return frames_free * GUEST_FRAME_BYTES;
}

// ---- Page tables ----

static struct page {
    uint64_t address;
    uint64_t physical;
    uint64_t bytes;
} pages[PAGES_MAX];
static unsigned page_count;
static unsigned pages_left; // after so many pages there are no frames for tables
static unsigned moved_pages;
static uint64_t largest_page;
static unsigned tables[PAGE_TABLE_ENTRIES];

static struct page *page_of(uint64_t address)
{
    for (unsigned i = page_count; i-- > 0;) {
        if (address - pages[i].address < pages[i].bytes) {
            return &pages[i];
        }
    }
    return NULL;
}

bool page_table_map(uint64_t root, uint64_t address, uint64_t physical, uint64_t bytes,
                    uint64_t flags)
{
    assert_int_equal(root, space.cr3);
    assert_true(flags & PAGE_NO_EXECUTE);
    while (bytes > 0) {
        uint64_t size = largest_page;
        while (size > bytes || !IS_ALIGNED(address | physical, size)) {
            size /= 512;
        }
        if (pages_left == 0) {
            return false;
        }
        pages_left--;
        assert_null(page_of(address));
        assert_true(page_count < PAGES_MAX);
        pages[page_count++] = (struct page){address, physical, size};
        moved_pages++;
        address += size;
        physical += size;
        bytes -= size;
    }
    return true;
}

void page_table_unmap(uint64_t root, uint64_t address, uint64_t bytes)
{
    assert_int_equal(root, space.cr3);
    for (unsigned i = page_count; i-- > 0;) {
        if (pages[i].address - address < bytes) {
            pages[i] = pages[--page_count];
            moved_pages++;
        }
    }
}

uint64_t page_table_look_up(uint64_t root, uint64_t address, uint64_t *page_bytes)
{
    const struct page *page = page_of(address);
    assert_int_equal(root, space.cr3);
    if (!page) {
        return 0;
    }
    *page_bytes = page->bytes;
    return page->physical | PAGE_PRESENT;
}

bool page_table_drop(uint64_t root, uint64_t address, unsigned *budget)
{
    unsigned *left = &tables[address >> 39 & (PAGE_TABLE_ENTRIES - 1)];
    unsigned count = MIN(*left, *budget);
    assert_int_equal(root, space.cr3);
    assert_int_equal(page_count, 0);
    *left -= count;
    *budget -= count;
    return *left == 0;
}

// ---- Helpers ----

static int set_up(void **state)
{
    (void)state;
    memset(&space, 0, sizeof(space));
    memset(taken, 0, sizeof(taken));
    frames_free = FRAMES;
    pages_left = UINT32_MAX;
    page_count = live_pages = 0;
    largest_page = GIB;
    pool_is_empty = false;
    cpu.cr3 = paging_kernel_cr3();
    return 0;
}

static enum status reserve(uint64_t bytes)
{
    extent_count = guest_memory_layout(bytes, extents);
    for (unsigned i = 0; i < PAGE_TABLE_ENTRIES; i++) {
        tables[i] = TABLES;
    }
    return host_space_reserve(&space, extents, extent_count, &why);
}

// One piece. Checks that it does not take long.
static enum status piece(uint64_t from, struct host_run *run)
{
    moved_frames = moved_pages = 0;
    enum status status = host_space_ram(&space, gpa(from), run);
    assert_true(moved_frames <= FRAMES_A_GIB);
    assert_true(moved_pages <= 2 * PAGE_TABLE_ENTRIES); // mapped, and unmapped after a failure
    return status;
}

// Goes through at most `most` runs of RAM, from the first one on. Returns how many there are.
static unsigned grow(unsigned most)
{
    struct host_run run = {.bytes = 0};
    uint64_t bytes = 0;
    unsigned runs;
    for (runs = 0; runs < most; runs++) {
        assert_int_equal(piece(run.gpa.value + run.bytes, &run), STATUS_OK);
        if (run.bytes == 0) {
            assert_int_equal(bytes, space.extents[0].bytes +
                                        (extent_count > 1 ? space.extents[1].bytes : 0) +
                                        (extent_count > 2 ? space.extents[2].bytes : 0));
            break;
        }
        assert_int_equal(
            page_of(GUEST_WINDOW + run.gpa.value)->physical +
                (GUEST_WINDOW + run.gpa.value - page_of(GUEST_WINDOW + run.gpa.value)->address),
            run.hpa.value);
        const struct page *last = page_of(GUEST_WINDOW + run.gpa.value + run.bytes - 1);
        assert_int_equal(last->physical + last->bytes, run.hpa.value + run.bytes);
        bytes += run.bytes;
    }
    return runs;
}

static bool shrink(void)
{
    moved_frames = moved_pages = 0;
    bool done = host_space_destroy(&space);
    assert_true(moved_frames <= FRAMES_A_GIB + 127);
    assert_true(moved_pages <= PAGE_TABLE_ENTRIES + 128);
    return done;
}

static void destroy(void)
{
    while (!shrink()) {
    }
    assert_int_equal(frames_free, FRAMES);
    assert_null(memchr(taken, true, sizeof(taken)));
    assert_int_equal(page_count, 0);
    assert_int_equal(live_pages, 0);
    assert_int_equal(space.cr3, 0);
}

// ---- Tests ----

static void all_ram_comes_and_goes(void **state)
{
    static const uint64_t sizes[] = {MIB,     2 * MIB + PAGE_SIZE, 32 * MIB, 3 * GIB,
                                     5 * GIB, 3 * GIB + PAGE_SIZE};
    for (unsigned i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
        set_up(state);
        taken[5] = true; // not every GiB is free
        frames_free--;
        largest_page = i % 2 ? GIB : 2 * MIB;
        assert_int_equal(reserve(sizes[i / 2]), STATUS_OK);
        uint64_t reserved = FRAMES - 1 - frames_free;

        assert_int_equal(reserved, space.reserved_frames);
        grow(UINT32_MAX);
        assert_int_equal(space.reserved_frames, 0);
        assert_int_equal(FRAMES - 1 - frames_free, reserved);
        assert_int_equal(grow(UINT32_MAX), grow(UINT32_MAX)); // the same runs
        taken[5] = false;
        frames_free++;
        destroy();
    }
}

static void whole_gib_are_used_where_there_are_some(void **state)
{
    struct host_run run;
    (void)state;
    assert_int_equal(reserve(5 * GIB), STATUS_OK);
    grow(UINT32_MAX);
    assert_int_equal(piece(GIB, &run), STATUS_OK);
    assert_int_equal(run.bytes, GIB);
    assert_int_equal(piece(3 * GIB, &run), STATUS_OK); // behind the device hole
    assert_int_equal(run.gpa.value, 4 * GIB);
    assert_int_equal(run.bytes, GIB);
    destroy();
}

static void it_can_be_given_back_wherever_it_is(void **state)
{
    (void)state;
    for (unsigned runs = 0; runs < 20; runs++) {
        assert_int_equal(reserve(32 * MIB), STATUS_OK);
        grow(runs);
        destroy();
    }
}

static void a_lack_of_tables_loses_nothing(void **state)
{
    struct host_run run;
    for (unsigned left = 0; left < 700; left++) {
        set_up(state);
        largest_page = 2 * MIB;
        pages_left = left;
        assert_int_equal(reserve(2 * GIB), STATUS_OK);
        enum status status = STATUS_OK;

        for (run = (struct host_run){.bytes = 0}; status == STATUS_OK;) {
            status = piece(run.gpa.value + run.bytes, &run);
        }
        assert_int_equal(status, STATUS_NO_MEMORY);
        destroy();
    }
}

static void it_keeps_what_it_has(void **state)
{
    (void)state;
    assert_int_equal(reserve(GIB / 2), STATUS_OK);
    grow(UINT32_MAX);
    uint64_t first = page_of(GUEST_WINDOW)->physical;

    assert_false(shrink());
    uint64_t back = frames_free - (FRAMES - FRAMES_A_GIB / 2);

    assert_in_range(back, 1, 128);
    assert_int_equal(reserve(GIB / 2), STATUS_OK);
    assert_int_equal(space.reserved_frames, back);
    grow(UINT32_MAX);
    assert_int_equal(page_of(GUEST_WINDOW)->physical, first);
    assert_int_equal(frames_free, FRAMES - FRAMES_A_GIB / 2);
    assert_int_equal(reserve(GIB / 2), STATUS_OK); // of nothing more
    assert_int_equal(frames_free, FRAMES - FRAMES_A_GIB / 2);
    destroy();
}

// ---- Holes ----

#define HOLE (4 * MIB)

static uint64_t frame_at(uint64_t gpa)
{
    const struct page *page = page_of(GUEST_WINDOW + gpa);
    return ALIGN_DOWN(page->physical + (GUEST_WINDOW + gpa - page->address), GUEST_FRAME_BYTES);
}

// A space of 3 GiB + 8 MiB, with two holes.
static void make_holes(void)
{
    space.in_units = true;
    assert_int_equal(reserve(3 * GIB + 8 * MIB), STATUS_OK);
    assert_int_equal(grow(UINT32_MAX), 1 + 3 * FRAMES_A_GIB + 4); // no page of 1 GiB
    uint64_t before = frames_free;
    host_hole_make(&space, gpa(HOLE));
    host_hole_make(&space, gpa(4 * GIB));
    assert_int_equal(space.holes, 2);
    assert_int_equal(frames_free, before + 2);
}

// Husk may touch a hole: it touches other RAM of the VM.
static void a_hole_has_a_stand_in(void **state)
{
    (void)state;
    make_holes();
    assert_int_equal(frame_at(HOLE), frame_at(0));
    assert_int_equal(frame_at(4 * GIB), frame_at(0));
    assert_true(frame_at(HOLE + GUEST_FRAME_BYTES) != frame_at(0));
    destroy();
}

static void a_hole_is_filled(void **state)
{
    (void)state;
    make_holes();
    uint64_t others = frames_free;
    frames_free = 0;
    assert_false(host_hole_fill(&space, gpa(HOLE)));
    frames_free = others;
    assert_true(host_hole_fill(&space, gpa(HOLE)));
    assert_int_equal(space.holes, 1);
    assert_int_equal(frames_free, others - 1);
    assert_true(frame_at(HOLE) != frame_at(0));
    destroy();
}

// A start takes what it needs with the rest of the memory, and only then.
static void a_reservation_is_for_holes_too(void **state)
{
    struct host_run run;
    (void)state;
    make_holes();
    assert_int_equal(piece(HOLE, &run), STATUS_NO_MEMORY);
    uint64_t others = frames_free - 1;
    frames_free = 1;
    assert_int_equal(reserve(3 * GIB + 8 * MIB), STATUS_NO_MEMORY);
    assert_int_equal(space.holes, 2);
    frames_free += others;
    assert_int_equal(reserve(3 * GIB + 8 * MIB), STATUS_OK);
    assert_int_equal(reserve(3 * GIB + 8 * MIB), STATUS_OK); // of nothing more
    assert_int_equal(space.reserved_frames, 2);
    assert_int_equal(piece(HOLE + PAGE_SIZE, &run), STATUS_OK);
    assert_int_equal(run.hpa.value, frame_at(HOLE) + PAGE_SIZE);
    assert_int_equal(space.holes, 1);
    grow(UINT32_MAX);
    assert_int_equal(space.holes, 0);
    assert_int_equal(space.reserved_frames, 0);
    destroy();
}

static void a_refusal_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(reserve(GIB / 2), STATUS_OK);
    grow(UINT32_MAX);
    assert_false(shrink());
    struct host_space before = space;

    uint64_t others = frames_free - 100; // another VM is faster
    frames_free -= others;
    assert_int_equal(reserve(GIB / 2), STATUS_NO_MEMORY);
    assert_string_equal(why.text, "512 MiB asked, 200 MiB free");
    assert_memory_equal(&space, &before, sizeof(space));
    frames_free += others;
    destroy();
    assert_int_equal(reserve(9 * GIB), STATUS_NO_MEMORY);
    assert_int_equal(space.cr3, 0);
    pool_is_empty = true;
    assert_int_equal(reserve(GIB), STATUS_NO_MEMORY);
    assert_int_equal(space.cr3, 0);
    assert_int_equal(frames_free, FRAMES);
}

static void tables_go_in_pieces(void **state)
{
    unsigned pieces = 1;
    (void)state;
    assert_int_equal(reserve(MIB), STATUS_OK);
    while (!shrink()) {
        pieces++;
    }
    assert_in_range(pieces, 18 * TABLES / 16,
                    18 * TABLES / 16 + 2); // 16 slots of RAM, 1 of modules, 1 of the store
}

static void the_store_grows_and_is_given_back(void **state)
{
    (void)state;
    assert_int_equal(reserve(MIB), STATUS_OK);
    grow(UINT32_MAX);
    for (uint64_t i = 0; i < 300; i++) {
        moved_frames = 0;
        assert_int_equal(host_store_grow(&space), GUEST_FRAME_BYTES);
        assert_int_equal(moved_frames, 1);
        assert_non_null(page_of(STORE_WINDOW + i * GUEST_FRAME_BYTES));
    }
    assert_int_equal(space.store_bytes, 300 * GUEST_FRAME_BYTES);
    destroy();
}

static void a_store_without_memory_does_not_grow(void **state)
{
    (void)state;
    assert_int_equal(reserve(MIB), STATUS_OK);
    grow(UINT32_MAX);
    uint64_t others = frames_free;

    frames_free = 0;
    assert_int_equal(host_store_grow(&space), 0);
    frames_free = others;
    pages_left = 0;
    assert_int_equal(host_store_grow(&space), 0); // no frames for tables
    pages_left = UINT32_MAX;
    assert_int_equal(frames_free, others);
    assert_int_equal(space.store_bytes, 0);
    destroy();
}

static void a_store_outlives_the_ram(void **state)
{
    (void)state;
    assert_int_equal(reserve(GIB / 2), STATUS_OK);
    grow(UINT32_MAX);
    assert_int_equal(host_store_grow(&space), GUEST_FRAME_BYTES);
    uint64_t frame = page_of(STORE_WINDOW)->physical;

    while (!host_space_empty(&space)) {
    }
    assert_int_equal(frames_free, FRAMES - 1);
    assert_true(host_space_empty(&space)); // once more does nothing
    assert_int_equal(page_of(STORE_WINDOW)->physical, frame);
    assert_int_equal(reserve(GIB), STATUS_OK);
    grow(UINT32_MAX);
    assert_int_equal(page_of(STORE_WINDOW)->physical, frame);
    destroy();
}

static void modules_are_mapped_with_large_pages_inside(void **state)
{
    uint64_t start = 6 * MIB - PAGE_SIZE;
    (void)state;
    assert_int_equal(reserve(MIB), STATUS_OK);
    for (unsigned i = 0; i < 2; i++) { // the second time, all is mapped already
        assert_ptr_equal(host_space_map_module(&space, hpa(start), 4 * MIB + 2 * PAGE_SIZE),
                         (const uint8_t *)(MODULE_WINDOW + start));
        assert_int_equal(page_count, 4); // a small page, two large ones, a small page
    }
    assert_int_equal(page_of(MODULE_WINDOW + 6 * MIB)->bytes, 2 * MIB);
    pages_left = 0;
    assert_null(host_space_map_module(&space, hpa(64 * MIB), PAGE_SIZE));
    page_count = 0; // nobody unmaps modules: the tables go
    pages_left = UINT32_MAX;
    destroy();
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_ram_comes_and_goes),
        TEST(whole_gib_are_used_where_there_are_some),
        TEST(it_can_be_given_back_wherever_it_is),
        TEST(a_lack_of_tables_loses_nothing),
        TEST(it_keeps_what_it_has),
        TEST(a_hole_has_a_stand_in),
        TEST(a_hole_is_filled),
        TEST(a_reservation_is_for_holes_too),
        TEST(a_refusal_changes_nothing),
        TEST(tables_go_in_pieces),
        TEST(the_store_grows_and_is_given_back),
        TEST(a_store_without_memory_does_not_grow),
        TEST(a_store_outlives_the_ram),
        TEST(modules_are_mapped_with_large_pages_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
