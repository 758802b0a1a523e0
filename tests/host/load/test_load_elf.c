// SPDX-License-Identifier: MIT
// Tests of an ELF file's segments: where they lie, where they are copied to, where the entry is.
#include "vmm/load/load_elf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/load/load_files.h"

static struct elf_image image;
static uint64_t start;
static uint64_t end;

static void open_file(void)
{
    assert_int_equal(elf_open(&request.payload, &image, &why), STATUS_OK);
}

static void both_classes_have_one_form(void **state)
{
    (void)state;
    struct elf_segment segment;
    make_elf64();
    open_file();
    assert_int_equal(image.class, ELF_CLASS_64);
    assert_int_equal(image.entry, 0xffffffff80100010);
    assert_true(elf_segment_at(&image, 0, &segment));
    assert_int_equal(segment.physical, 0x100000);
    assert_int_equal(segment.virtual, 0xffffffff80100000);
    make_elf32(0);
    open_file();
    assert_int_equal(image.class, ELF_CLASS_32);
    assert_int_equal(image.count, 2);
    assert_true(elf_segment_at(&image, 0, &segment));
    assert_int_equal(segment.physical, file.elf32.segments[0].paddr);
    assert_int_equal(segment.offset, file.elf32.segments[0].offset);
    assert_int_equal(segment.memory_bytes, file.elf32.segments[0].memsz);
}

static void what_takes_no_memory_is_no_segment(void **state)
{
    (void)state;
    struct elf_segment segment;
    make_elf64();
    file.elf64.segments[0].type = 2; // PT_DYNAMIC
    file.elf64.segments[2].memsz = 0;
    open_file();
    assert_false(elf_segment_at(&image, 0, &segment));
    assert_false(elf_segment_at(&image, 2, &segment));
}

static void the_extent_is_from_the_lowest_to_the_highest(void **state)
{
    (void)state;
    make_elf32(0);
    open_file();
    assert_int_equal(elf_extent(&image, &start, &end, &why), STATUS_OK);
    assert_int_equal(start, 0x9000);
    assert_int_equal(end, file.elf32.segments[0].paddr + file.elf32.segments[0].memsz);
}

static void an_extent_that_would_wrap_is_refused(void **state)
{
    (void)state;
    make_elf64();
    file.elf64.segments[0].paddr = UINT64_MAX - 0xfff;
    file.elf64.segments[0].memsz = 0xfff; // up to the last address
    open_file();
    assert_int_equal(elf_extent(&image, &start, &end, &why), STATUS_OK);
    assert_int_equal(end, UINT64_MAX);
    file.elf64.segments[0].memsz = 0x1000;
    assert_int_equal(elf_extent(&image, &start, &end, &why), STATUS_RANGE);
    assert_string_equal(why.text, "ELF segment 0: 0x1000 bytes at address 0xfffffffffffff000");
}

static void a_file_without_segments_has_no_extent(void **state)
{
    (void)state;
    make_elf32(0);
    file.elf32.phnum = 1;
    file.elf32.segments[0].memsz = 0;
    open_file();
    assert_int_equal(elf_extent(&image, &start, &end, &why), STATUS_INVALID);
    assert_int_equal(carry_out(elf_load(&image, &memory, 4 * GIB, &plan, &end, &why)),
                     STATUS_INVALID);
}

static void segments_end_at_the_limit_or_below(void **state)
{
    (void)state;
    make_elf32(0);
    open_file();
    uint64_t limit = file.elf32.segments[0].paddr + file.elf32.segments[0].memsz;
    assert_int_equal(carry_out(elf_load(&image, &memory, limit, &plan, &end, &why)), STATUS_OK);
    assert_int_equal(end, limit);
    assert_int_equal(carry_out(elf_load(&image, &memory, limit - 1, &plan, &end, &why)),
                     STATUS_RANGE);
    assert_non_null(strstr(why.text, "ELF segment 0: ends at 0x"));
}

static void assert_overlap(uint64_t physical, uint64_t bytes, bool refused)
{
    make_elf64();
    file.elf64.segments[2].paddr = physical;
    file.elf64.segments[2].memsz = bytes;
    open_file();
    assert_int_equal(carry_out(elf_load(&image, &memory, 4 * GIB, &plan, &end, &why)),
                     refused ? STATUS_INVALID : STATUS_OK);
}

// The other segment is the 0x1800 bytes at 1 MiB.
static void segments_do_not_overlap(void **state)
{
    (void)state;
    assert_overlap(0x100000 - 0x10, 0x10, false);
    assert_overlap(0x101800, 0x10, false);
    assert_overlap(0x100000 - 0x10, 0x11, true);
    assert_overlap(0x1017ff, 0x10, true);
    assert_overlap(0x100800, 0x10, true);
    assert_overlap(0xff000, 0x10000, true);
    assert_overlap(0xff000, UINT64_MAX, true); // its end wraps
    assert_overlap(0x100000, 0x1800, true);
    assert_string_equal(why.text,
                        "ELF segment 2: p_paddr is 0x100000, p_memsz 0x1800: expected no overlap "
                        "with segment 0, 0x1800 bytes at 0x100000");
}

static void a_shift_moves_segments_and_entry(void **state)
{
    (void)state;
    uint64_t entry;
    make_elf32(0);
    file.elf32.entry = file.elf32.segments[0].vaddr + 4;
    open_file();
    image.shift = 0x1000;
    assert_int_equal(carry_out(elf_load(&image, &memory, 4 * GIB, &plan, &end, &why)), STATUS_OK);
    assert_memory_equal(ram + file.elf32.segments[0].paddr + 0x1000,
                        file.bytes + file.elf32.segments[0].offset, file.elf32.segments[0].filesz);
    assert_int_equal(elf_entry(&image, 0, &entry, &why), STATUS_OK);
    assert_int_equal(entry, file.elf32.segments[0].paddr + 0x1004);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, load_file_set_up, ram_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(both_classes_have_one_form),
        TEST(what_takes_no_memory_is_no_segment),
        TEST(the_extent_is_from_the_lowest_to_the_highest),
        TEST(an_extent_that_would_wrap_is_refused),
        TEST(a_file_without_segments_has_no_extent),
        TEST(segments_end_at_the_limit_or_below),
        TEST(segments_do_not_overlap),
        TEST(a_shift_moves_segments_and_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
