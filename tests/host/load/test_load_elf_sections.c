// SPDX-License-Identifier: MIT
// Tests of an ELF64 file's sections. Those of ELF32 files are in test_load_multiboot2.c.
#include "vmm/load/load_elf_sections.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/load/load_files.h"
#include "vmm/load/load.h"
#include "vmm/load/load_elf.h"
#include "vmm/load/load_place.h"
#include "vmm/memory/guest_memory.h"

#define TABLE 0x200000ULL // where the copy of the table is, in the guest
#define HEADERS 4
#define HEADER_WORDS 8UL

enum { TYPE = 0, ADDRESS = 2, OFFSET = 3, SIZE = 4 }; // 64-bit words of a section header

static struct elf_image image;
static struct elf_sections sections;
static uint64_t *headers; // in the file

static void set_section(unsigned index, uint64_t type, uint64_t address, uint64_t offset,
                        uint64_t size)
{
    uint64_t *header = headers + HEADER_WORDS * index;
    header[TYPE] = type << 32; // the type is the second half of the first word
    header[ADDRESS] = address;
    header[OFFSET] = offset;
    header[SIZE] = size;
}

// Four sections: the empty first one, one that a segment loads, one that no segment loads, and one
// without bytes in the file.
static int set_up(void **state)
{
    load_file_set_up(state);
    make_elf64();
    file.elf64.shoff = 0x400;
    file.elf64.shentsize = 64;
    file.elf64.shnum = HEADERS;
    headers = (uint64_t *)(void *)(file.bytes + 0x400);
    memset(headers, 0, HEADERS * sizeof(uint64_t) * HEADER_WORDS);
    set_section(1, 1, 0xffffffff80100000, 0x1000, 0x100);
    set_section(2, 3, 0, 0x2100, 0x80);
    set_section(3, 8, 0, 0x2100, 0x80);
    return elf_open(&request.payload, &image, &why) == STATUS_OK ? 0 : -1;
}

static enum status load_sections(void)
{
    struct load_placement placement = {.memory = &memory, .next = 0x300000, .end = RAM_BYTES};
    memcpy(ram + TABLE, headers, elf_sections_bytes(&sections));
    return carry_out(elf_sections_load(&sections, TABLE, &placement, &plan, &why));
}

static uint64_t address_of(unsigned index)
{
    return ram64(TABLE + sizeof(uint64_t) * (HEADER_WORDS * index + ADDRESS));
}

static void what_no_segment_loads_gets_an_address(void **state)
{
    (void)state;
    assert_int_equal(elf_sections_open(&image, &sections, &why), STATUS_OK);
    assert_int_equal(elf_sections_bytes(&sections), HEADERS * 64);
    assert_int_equal(load_sections(), STATUS_OK);
    assert_int_equal(address_of(0), 0);
    assert_int_equal(address_of(1), 0xffffffff80100000);
    assert_int_equal(address_of(2), 0x300000);
    assert_int_equal(address_of(3), 0);
    assert_memory_equal(ram + 0x300000, file.bytes + 0x2100, 0x80);
}

static void sections_outside_of_the_file_are_refused(void **state)
{
    (void)state;
    assert_int_equal(elf_sections_open(&image, &sections, &why), STATUS_OK);
    headers[HEADER_WORDS * 2 + OFFSET] = UINT64_MAX;
    assert_int_not_equal(load_sections(), STATUS_OK);
    headers[HEADER_WORDS * 2 + OFFSET] = 0x2100;
    headers[HEADER_WORDS * 2 + SIZE] = UINT64_MAX;
    assert_int_not_equal(load_sections(), STATUS_OK);
}

// Two sections name the same bytes. Many such sections could ask for much more than the file has.
static void sections_have_no_more_bytes_than_the_file(void **state)
{
    (void)state;
    set_section(1, 1, 0, 0x1000, FILE_BYTES - 0x1000);
    set_section(2, 1, 0, 0x1000, 0x1000);
    assert_int_equal(elf_sections_open(&image, &sections, &why), STATUS_OK);
    assert_int_equal(load_sections(), STATUS_OK);
    set_section(2, 1, 0, 0x1000, 0x1001);
    assert_int_equal(load_sections(), STATUS_INVALID);
    assert_string_equal(why.text, "ELF section 2: sh_size is 0x1001: expected 0x1000 at most, what "
                                  "the sections before it leave of the file");
}

static void too_many_headers_are_refused(void **state)
{
    (void)state;
    image.section_count = 1025;
    assert_int_equal(elf_sections_open(&image, &sections, &why), STATUS_RANGE);
    assert_string_equal(why.text, "ELF e_shnum is 1025: expected 1024 at most");
}

static void headers_of_the_other_class_are_refused(void **state)
{
    (void)state;
    image.section_entry_bytes = 40;
    assert_int_equal(elf_sections_open(&image, &sections, &why), STATUS_INVALID);
    assert_string_equal(why.text, "ELF e_shentsize is 40: expected 64");
}

static void a_file_may_have_no_sections(void **state)
{
    (void)state;
    image.section_count = 0;
    image.section_table = UINT64_MAX;
    assert_int_equal(elf_sections_open(&image, &sections, &why), STATUS_OK);
    assert_int_equal(elf_sections_bytes(&sections), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, ram_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_no_segment_loads_gets_an_address),
        TEST(sections_outside_of_the_file_are_refused),
        TEST(sections_have_no_more_bytes_than_the_file),
        TEST(too_many_headers_are_refused),
        TEST(headers_of_the_other_class_are_refused),
        TEST(a_file_may_have_no_sections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
