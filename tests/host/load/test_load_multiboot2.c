// SPDX-License-Identifier: MIT
// Tests of the Multiboot 2 loader: the header's tags, the place of the image, the information.
#include "tests/host/load/load_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEADER_OFFSET 0x40

static uint32_t *words; // of the header in the file
static unsigned used;   // how many words

static void finish_header(void)
{
    words[2] = used * 4;
    words[3] = 0U - words[0] - words[1] - words[2];
}

static void begin_header(void)
{
    words = (uint32_t *)(void *)(file.bytes + HEADER_OFFSET);
    words[0] = 0xe85250d6;
    words[1] = 0;
    used = 4;
}

// A tag of `count` words, then padding to a multiple of 8.
static void add_tag(uint16_t type, uint16_t flags, const uint32_t *fields, unsigned count)
{
    words[used++] = type | (uint32_t)flags << 16;
    words[used++] = 8 + count * 4;
    memcpy(words + used, fields, count * sizeof(*fields));
    used += ALIGN_UP(count, 2);
    finish_header();
}

static void end_header(void)
{
    add_tag(0, 0, words, 0);
}

// The image is the whole file. It lies at 1 MiB, and zeros follow it.
static void add_addresses(void)
{
    add_tag(2, 0, (const uint32_t[]){0x100000 + HEADER_OFFSET, 0x100000, 0, 0x104000}, 4);
    add_tag(3, 0, (const uint32_t[]){0x100100}, 1);
}

static void make_addresses(void)
{
    begin_header();
    add_addresses();
    end_header();
}

// A 32-bit ELF file whose Multiboot 2 header lies behind its program headers.
static void begin_elf(void)
{
    make_elf32(0);
    memset(file.elf32.multiboot, 0, sizeof(file.elf32.multiboot));
    words = (uint32_t *)(void *)(file.bytes + 0x100);
    words[0] = 0xe85250d6;
    words[1] = 0;
    used = 4;
}

// The address of the first tag of that type in the information, 0 if there is none.
static uint64_t find_tag(uint32_t type)
{
    uint64_t end = result.rbx + ram32(result.rbx);
    for (uint64_t at = result.rbx + 8; at < end; at += ALIGN_UP(ram32(at + 4), 8)) {
        if (ram32(at) == type) {
            return at;
        }
        assert_true(ram32(at + 4) >= 8);
    }
    return 0;
}

// ---- The image

static void test_addresses(void **state)
{
    (void)state;
    make_addresses();
    assert_int_equal(payload_recognise(file.bytes, sizeof(file.bytes)), PAYLOAD_MULTIBOOT2);
    assert_loads();
    assert_int_equal(result.kind, PAYLOAD_MULTIBOOT2);
    assert_int_equal(result.mode, START_PROTECTED);
    assert_int_equal(result.rax, 0x36d76289);
    assert_int_equal(result.entry, 0x100100);
    assert_int_equal(result.rbx, 0x104000);
    assert_memory_equal(ram + 0x100000, file.bytes, sizeof(file.bytes));
    assert_int_equal(ram[0x103000], 0);
    assert_int_equal(ram[0x103fff], 0);
}

static void test_addresses_from_the_start_of_the_file(void **state)
{
    (void)state;
    begin_header();
    add_tag(2, 0, (const uint32_t[]){0x100000 + HEADER_OFFSET, 0xffffffff, 0, 0}, 4);
    add_tag(3, 0, (const uint32_t[]){0x100100}, 1);
    end_header();
    assert_loads();
    assert_memory_equal(ram + 0x100000, file.bytes, sizeof(file.bytes));
    assert_int_equal(result.rbx, 0x103000);
}

static void test_address_refusals(void **state)
{
    (void)state;
    begin_header();
    add_tag(2, 0, (const uint32_t[]){0x100000, 0x100001, 0, 0}, 4);
    end_header();
    assert_refused("Multiboot 2 header with addresses (tag 2), but without an entry (tag 3)");
    begin_header();
    add_tag(2, 0, (const uint32_t[]){0x100000, 0x100001, 0, 0}, 4);
    add_tag(3, 0, (const uint32_t[]){0x100100}, 1);
    end_header();
    assert_refused("Multiboot load_addr is 0x100001: with header_addr 0x100000 at offset 0x40 it "
                   "is not in the file");
    begin_header();
    add_tag(2, 0, (const uint32_t[]){0x20, 0xffffffff, 0, 0}, 4);
    add_tag(3, 0, (const uint32_t[]){0x100100}, 1);
    end_header();
    assert_refused("Multiboot load_addr is 0xffffffe0: with header_addr 0x20 at offset 0x40 it is "
                   "not in the file");
    begin_header();
    end_header();
    assert_refused("Multiboot 2 header without addresses (tag 2) in a file that is not ELF");
}

static void test_elf(void **state)
{
    (void)state;
    begin_elf();
    end_header();
    assert_loads();
    assert_int_equal(result.entry, 0x200004);
    assert_memory_equal(ram + 0x200000, file.bytes + 0x1000, 0x100);
    assert_int_equal(result.rbx, 0x202000);
    assert_int_equal(find_tag(9), 0);
    begin_elf();
    add_tag(3, 0, (const uint32_t[]){0x200010}, 1);
    end_header();
    assert_loads();
    assert_int_equal(result.entry, 0x200010);
    begin_elf();
    add_tag(3, 0, (const uint32_t[]){0x202000}, 1);
    end_header();
    assert_refused("ELF e_entry is 0x202000: expected an address inside a segment");
}

// ---- Relocation

static void make_relocatable(uint32_t min, uint32_t max, uint32_t align, uint32_t preference)
{
    begin_header();
    add_addresses();
    add_tag(10, 0, (const uint32_t[]){min, max, align, preference}, 4);
    end_header();
}

static void test_relocatable_stays_where_it_may(void **state)
{
    uint64_t tag;
    (void)state;
    make_relocatable(0x100000, 0x103fff, 0x1000, 2);
    assert_loads();
    assert_int_equal(result.entry, 0x100100);
    tag = find_tag(21);
    assert_int_not_equal(tag, 0);
    assert_int_equal(ram32(tag + 8), 0x100000);
}

static void test_relocatable_moves(void **state)
{
    (void)state;
    make_relocatable(0x200001, 0xffffffff, 0x10000, 1);
    assert_loads();
    assert_int_equal(result.entry, 0x210100);
    assert_int_equal(result.rbx, 0x214000);
    assert_int_equal(ram32(find_tag(21) + 8), 0x210000);
    assert_memory_equal(ram + 0x210000, file.bytes, sizeof(file.bytes));
    make_relocatable(0x200001, 0x2fffff, 0x1000, 2);
    assert_loads();
    assert_int_equal(result.entry, 0x2fc100);
    make_relocatable(0x100001, 0x103fff, 0, 0);
    assert_refused("Multiboot 2 min_addr is 0x100001, max_addr 0x103fff: no RAM for an image of "
                   "0x4000 bytes between them");
    make_relocatable(0x100001, 0x103fff, 3, 0);
    assert_refused("Multiboot 2 align is 0x3: expected a power of two");
}

static void test_relocatable_elf(void **state)
{
    (void)state;
    begin_elf();
    add_tag(10, 0, (const uint32_t[]){0x180000, 0xffffffff, 0x100, 1}, 4);
    end_header();
    file.elf32.segments[1].paddr = 0x203000;
    file.elf32.segments[1].vaddr = 0x203000;
    file.elf32.segments[0].paddr = 0x7fff0000; // not RAM
    file.elf32.segments[1].paddr = 0x7fff3000;
    assert_loads();
    assert_int_equal(result.entry, 0x180004);
    assert_memory_equal(ram + 0x180000, file.bytes + 0x1000, 0x100);
    assert_memory_equal(ram + 0x183000, file.bytes + 0x2000, 0x100);
    file.elf32.entry = 0x7fff0004; // physical
    assert_loads();
    assert_int_equal(result.entry, 0x180004);
}

// ---- The header

static void test_header_search(void **state)
{
    uint8_t *large = calloc(1, 40000);
    uint64_t last = 32768 - 24;
    (void)state;
    assert_non_null(large);
    begin_header();
    end_header();
    memcpy(large + last, words, 24);
    assert_int_equal(payload_recognise(large, 40000), PAYLOAD_MULTIBOOT2);
    memset(large, 0, 40000);
    memcpy(large + last + 16, words, 16); // the header begins too late
    assert_int_equal(payload_recognise(large, 40000), PAYLOAD_UNKNOWN);
    memset(large, 0, 40000);
    memcpy(large + 4, words, 24); // the header is not at a multiple of 8
    assert_int_equal(payload_recognise(large, 40000), PAYLOAD_UNKNOWN);
    free(large);
}

static void test_header_refusals(void **state)
{
    (void)state;
    make_addresses();
    words[1] = 4;
    finish_header();
    assert_refused("Multiboot 2 architecture is 4: expected 0, 32-bit protected mode of x86");
    words[1] = 0;
    words[2] = 0x2fc1; // one more than the file has
    words[3] = 0U - words[0] - words[2];
    assert_refused("Multiboot 2 header_length is 0x2fc1: expected 16 to 12224 at offset 0x40");
    words[2] = 15;
    words[3] = 0U - words[0] - words[2];
    assert_refused("Multiboot 2 header_length is 0xf: expected 16 to 12224 at offset 0x40");
    words[2] = 16;
    words[3] = 0U - words[0] - words[2];
    assert_refused("Multiboot 2 header: it ends at 0x50 without an end tag");
    request.kind = PAYLOAD_MULTIBOOT2;
    words[3]++;
    assert_refused("no Multiboot 2 header with a valid checksum in the first 32768 bytes");
}

static void test_tag_sizes(void **state)
{
    (void)state;
    begin_header();
    add_tag(2, 0, (const uint32_t[]){1, 2, 3}, 3);
    end_header();
    assert_refused("Multiboot 2 header tag 2: size is 0x14, expected 24 to 32");
    begin_header();
    end_header();
    words[5] = 7;
    assert_refused("Multiboot 2 header tag 0: size is 0x7, expected 8 to 8");
    words[5] = 9;
    assert_refused("Multiboot 2 header tag 0: size is 0x9, expected 8 to 8");
    words[4] = 99;
    words[5] = 0xffffffff;
    assert_refused("Multiboot 2 header tag 99: size is 0xffffffff, expected 8 to 8");
}

static void test_required_tags(void **state)
{
    (void)state;
    begin_header();
    add_tag(11, 0, words, 0);
    add_addresses();
    end_header();
    assert_refused("Multiboot 2 header tag 11: required but unknown, known are 0 to 10");
    words[4] |= 1 << 16;
    assert_loads();
    begin_header();
    add_tag(5, 0, (const uint32_t[]){1024, 768, 32}, 3);
    add_tag(6, 0, words, 0);
    add_tag(7, 0, words, 0);
    add_tag(8, 0, (const uint32_t[]){1}, 1);
    add_tag(9, 0, (const uint32_t[]){1}, 1);
    add_tag(4, 0, (const uint32_t[]){3}, 1);
    add_addresses();
    end_header();
    assert_loads();
    begin_header();
    add_tag(4, 0, (const uint32_t[]){1}, 1);
    add_addresses();
    end_header();
    assert_refused("Multiboot 2 console_flags is 0x1: a console is required, but not text");
}

static void test_information_requests(void **state)
{
    (void)state;
    begin_header();
    add_tag(1, 0, (const uint32_t[]){1, 2, 3, 4, 6, 8, 9, 14, 15, 21}, 10);
    add_addresses();
    end_header();
    assert_loads();
    words[6] = 10;
    assert_refused("Multiboot 2 information request: 10, the APM table, is required but not there");
    words[6] = 22;
    assert_refused("Multiboot 2 information request: 22, unknown, is required but not there");
    words[4] |= 1 << 16;
    assert_loads();
}

// ---- The information

static void assert_range(unsigned index, uint64_t base, uint64_t bytes, uint32_t type)
{
    uint64_t entry = find_tag(6) + 16 + index * 24UL;
    assert_int_equal(ram64(entry), base);
    assert_int_equal(ram64(entry + 8), bytes);
    assert_int_equal(ram32(entry + 16), type);
    assert_int_equal(ram32(entry + 20), 0);
}

static void test_memory(void **state)
{
    (void)state;
    make_addresses();
    assert_loads();
    assert_int_equal(ram32(find_tag(4) + 8), 639);
    assert_int_equal(ram32(find_tag(4) + 12), 3072);
    assert_int_equal(ram32(find_tag(6) + 4), 16 + 5 * 24);
    assert_int_equal(ram32(find_tag(6) + 8), 24);
    assert_int_equal(ram32(find_tag(6) + 12), 0);
    assert_range(0, 0, 0x9fc00, 1);
    assert_range(1, 0x9fc00, 0x400, 2);
    assert_range(2, 0xe0000, 0x20000, 2);
    assert_range(3, 0x100000, RAM_BYTES - 0x100000, 1);
    assert_range(4, 0xfeb00000, 0x100000, 2);
}

static void test_texts_and_screen(void **state)
{
    (void)state;
    make_addresses();
    assert_loads();
    assert_string_equal((char *)ram + find_tag(1) + 8, "one two");
    assert_int_equal(ram32(find_tag(1) + 4), 8 + 8);
    assert_string_equal((char *)ram + find_tag(2) + 8, "Husk, in the place of GRUB 2");
    assert_int_equal(ram64(find_tag(8) + 8), 0xb8000);
    assert_int_equal(ram32(find_tag(8) + 20), 80);
    assert_int_equal(ram32(find_tag(8) + 24), 25);
    assert_int_equal(ram[find_tag(8) + 29], 2);
    assert_int_equal(find_tag(21), 0);
    assert_int_equal(ram32(result.rbx + ram32(result.rbx) - 8), 0);
    assert_int_equal(ram32(result.rbx + ram32(result.rbx) - 4), 8);
}

static void test_modules(void **state)
{
    static const uint8_t first[5000] = {1, 2, 3};
    static const uint8_t second[] = {9};
    uint64_t tag;
    (void)state;
    make_addresses();
    request.module_count = 2;
    request.modules[0] = (struct payload){first, sizeof(first), "initrd x"};
    request.modules[1] = (struct payload){second, sizeof(second), ""};
    assert_loads();
    tag = find_tag(3);
    assert_int_equal(ram32(tag + 8), 0x105000);
    assert_int_equal(ram32(tag + 12), 0x105000 + 5000);
    assert_string_equal((char *)ram + tag + 16, "initrd x");
    assert_memory_equal(ram + 0x105000, first, sizeof(first));
    tag += ALIGN_UP(ram32(tag + 4), 8);
    assert_int_equal(ram32(tag), 3);
    assert_int_equal(ram32(tag + 4), 17);
    assert_int_equal(ram32(tag + 8), 0x107000);
    assert_int_equal(ram32(tag + 12), 0x107001);
    request.modules[1].size = RAM_BYTES;
    assert_refused("module of 4096 KiB: no room in the VM's RAM from 0x107000 on");
}

static void test_rsdp(void **state)
{
    static const char signature[] = "RSD PTR ";
    (void)state;
    make_addresses();
    memset(ram + 0xe0000, 0, 64);
    assert_loads();
    assert_int_equal(find_tag(14), 0);
    assert_int_equal(find_tag(15), 0);
    memcpy(ram + 0xe0000, signature, 8);
    ram[0xe0000 + 15] = 2;
    assert_loads();
    assert_int_equal(find_tag(14), 0); // it has no RSDT
    assert_int_equal(ram32(find_tag(15) + 4), 8 + 36);
    assert_memory_equal(ram + find_tag(15) + 8, ram + 0xe0000, 36);
    ram[0xe0000 + 17] = 1;
    assert_loads();
    assert_int_equal(ram32(find_tag(14) + 4), 8 + 20);
    assert_memory_equal(ram + find_tag(14) + 8, ram + 0xe0000, 20);
    ram[0xe0000 + 15] = 0;
    assert_loads();
    assert_int_equal(find_tag(15), 0);
}

// ---- ELF sections

// Four sections: the empty first one, one that a segment loads, one that no segment loads, and one
// without bytes.
static uint32_t *make_sections(void)
{
    uint32_t *sections = (uint32_t *)(void *)(file.bytes + 0x400);
    begin_elf();
    end_header();
    file.elf32.shoff = 0x400;
    file.elf32.shentsize = 40;
    file.elf32.shnum = 4;
    file.elf32.shstrndx = 2;
    memset(sections, 0, 160);
    memcpy(sections + 11, (const uint32_t[]){1, 0, 0x200000, 0x1000, 0x100}, 20);
    memcpy(sections + 21, (const uint32_t[]){3, 0, 0, 0x2100, 0x80}, 20);
    memcpy(sections + 31, (const uint32_t[]){8, 0, 0, 0x2100, 0x80}, 20);
    return sections;
}

static void test_sections(void **state)
{
    uint64_t tag;
    (void)state;
    make_sections();
    assert_loads();
    tag = find_tag(9);
    assert_int_equal(ram32(tag + 4), 20 + 4 * 40);
    assert_int_equal(ram32(tag + 8), 4);
    assert_int_equal(ram32(tag + 12), 40);
    assert_int_equal(ram32(tag + 16), 2);
    assert_int_equal(ram32(tag + 20 + 12), 0);
    assert_int_equal(ram32(tag + 20 + 40 + 12), 0x200000);
    assert_int_equal(ram32(tag + 20 + 80 + 12), 0x203000);
    assert_int_equal(ram32(tag + 20 + 120 + 12), 0);
    assert_memory_equal(ram + 0x203000, file.bytes + 0x2100, 0x80);
}

static void test_section_refusals(void **state)
{
    uint32_t *sections = make_sections();
    (void)state;
    sections[25] = 0x1000; // behind the file's end
    assert_refused("ELF section 2: 0x1000 bytes at offset 0x2100 are not in the file of 0x3000 "
                   "bytes");
    sections[25] = 0xffffffff;
    assert_refused("ELF section of 4194304 KiB: no room in the VM's RAM from 0x203000 on");
    file.elf32.shoff = 0x3000 - 159;
    assert_refused("ELF e_shoff is 0x2f61: 4 section headers are not in the file of 0x3000 bytes");
    file.elf32.shentsize = 41;
    assert_refused("ELF e_shentsize is 41: expected 40");
}

#define LOAD_TEST(test) cmocka_unit_test_setup_teardown(test, load_file_set_up, ram_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOAD_TEST(test_addresses),
        LOAD_TEST(test_addresses_from_the_start_of_the_file),
        LOAD_TEST(test_address_refusals),
        LOAD_TEST(test_elf),
        LOAD_TEST(test_relocatable_stays_where_it_may),
        LOAD_TEST(test_relocatable_moves),
        LOAD_TEST(test_relocatable_elf),
        LOAD_TEST(test_header_search),
        LOAD_TEST(test_header_refusals),
        LOAD_TEST(test_tag_sizes),
        LOAD_TEST(test_required_tags),
        LOAD_TEST(test_information_requests),
        LOAD_TEST(test_memory),
        LOAD_TEST(test_texts_and_screen),
        LOAD_TEST(test_modules),
        LOAD_TEST(test_rsdp),
        LOAD_TEST(test_sections),
        LOAD_TEST(test_section_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
