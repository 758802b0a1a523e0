// SPDX-License-Identifier: MIT
// Tests of the Multiboot2 tags: those of GRUB, and broken ones.
#include "boot/boot_info.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// Tags under construction.
static uint8_t tags[65536];
static uint32_t tags_bytes;

static struct boot_info info;
static struct reason why;

static void put(const void *bytes, uint32_t count)
{
    memcpy(tags + tags_bytes, bytes, count);
    tags_bytes += count;
}

static void put_u32(uint32_t value)
{
    put(&value, sizeof(value));
}

static void put_u64(uint64_t value)
{
    put(&value, sizeof(value));
}

static void begin(void)
{
    memset(tags, 0xee, sizeof(tags));
    tags_bytes = 0;
    put_u64(0);
}

// Begins a tag whose claimed size may differ from its contents.
static void tag_begin(uint32_t type, uint32_t claimed)
{
    while (tags_bytes % 8 != 0)
        tags[tags_bytes++] = 0;
    put_u32(type);
    put_u32(claimed);
}

static void tag_text(uint32_t type, const char *text)
{
    uint32_t bytes = (uint32_t)strlen(text) + 1;
    tag_begin(type, 8 + bytes);
    put(text, bytes);
}

static void tag_module(uint32_t start, uint32_t end, const char *text)
{
    uint32_t bytes = (uint32_t)strlen(text) + 1;
    tag_begin(3, 16 + bytes);
    put_u32(start);
    put_u32(end);
    put(text, bytes);
}

static void tag_memory_begin(unsigned entries)
{
    tag_begin(6, 16 + 24 * entries);
    put_u32(24);
    put_u32(0);
}

static void memory_entry(uint64_t start, uint64_t bytes, uint32_t type)
{
    put_u64(start);
    put_u64(bytes);
    put_u64(type);
}

static void tag_memory(void)
{
    tag_memory_begin(2);
    memory_entry(0, 0x9fc00, 1);
    memory_entry(MIB, 511 * MIB, 1);
}

static void tag_end(void)
{
    tag_begin(0, 8);
}

// Parses a copy that ends where the tags end, so that the sanitizer finds a read beyond.
static enum status parse(void)
{
    memcpy(tags, &tags_bytes, sizeof(tags_bytes));
    uint8_t *copy = malloc(tags_bytes);
    assert_non_null(copy);
    memcpy(copy, tags, tags_bytes);
    enum status status = boot_info_parse(copy, tags_bytes, &info, &why);
    free(copy);
    return status;
}

static void assert_usable(unsigned index, uint64_t start, uint64_t bytes)
{
    assert_true(index < info.memory.count);
    assert_int_equal(info.memory.spans[index].start, start);
    assert_int_equal(info.memory.spans[index].bytes, bytes);
}

static void test_texts_and_modules(void **state)
{
    (void)state;
    begin();
    tag_text(1, "console=serial guests=hello");
    tag_text(2, "GRUB 2.06");
    tag_module(0x200000, 0x200431, "vm=web mem=64M -- quiet");
    tag_module(0x300000, 0x300000, "");
    tag_memory();
    tag_end();
    assert_int_equal(parse(), STATUS_OK);
    assert_string_equal(info.command_line, "console=serial guests=hello");
    assert_string_equal(info.loader, "GRUB 2.06");
    assert_int_equal(info.module_count, 2);
    assert_int_equal(info.modules[0].start, 0x200000);
    assert_int_equal(info.modules[0].bytes, 0x431);
    assert_string_equal(info.modules[0].command_line, "vm=web mem=64M -- quiet");
    assert_int_equal(info.modules[1].bytes, 0);
    assert_int_equal(info.complaint_count, 0);
    assert_false(info.efi);
}

static void test_memory_is_sorted_and_untangled(void **state)
{
    (void)state;
    begin();
    tag_memory_begin(6);
    memory_entry(16 * MIB, 2 * MIB, 2);        // reserved inside usable
    memory_entry(MIB, 511 * MIB, 1);           // usable, with a hole claimed above
    memory_entry(0, 0x9fc00, 1);               // not whole pages
    memory_entry(511 * MIB, 2 * MIB, 3);       // ACPI over the end
    memory_entry(0x9fc00, 0x400, 2);           // adjacent
    memory_entry(4 * GIB, UINT64_MAX - 10, 1); // overflows
    tag_end();
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(info.memory.count, 4);
    assert_usable(0, 0, 0x9f000);
    assert_usable(1, MIB, 15 * MIB);
    assert_usable(2, 18 * MIB, 493 * MIB);
    assert_usable(3, 4 * GIB, BIT(52) - 4 * GIB);
}

static void test_memory_that_touches_is_joined(void **state)
{
    (void)state;
    begin();
    tag_memory_begin(5);
    memory_entry(4 * MIB, MIB, 1);
    memory_entry(6 * MIB + 0x800, MIB - 0x800, 1); // only with the next one is the page whole
    memory_entry(5 * MIB, MIB + 0x800, 1);
    memory_entry(4 * MIB, 3 * MIB, 1);
    memory_entry(8 * MIB, 0, 1);
    tag_end();
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(info.memory.count, 1);
    assert_usable(0, 4 * MIB, 3 * MIB);
}

// 60 GiB in 312 entries, of which each second one is usable.
static void test_a_map_of_312_entries(void **state)
{
    uint64_t piece = ALIGN_DOWN(60 * GIB / 156, PAGE_SIZE);
    (void)state;
    begin();
    tag_memory_begin(312);
    for (uint64_t start = 0; start < 312 * piece; start += 2 * piece) {
        memory_entry(start, piece, 1);
        memory_entry(start + piece, piece, 2);
    }
    tag_end();
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(info.complaint_count, 0);
    assert_int_equal(info.memory.count, 156);
    for (unsigned i = 0; i < 156; i++)
        assert_usable(i, 2 * piece * i, piece);
}

static void test_more_memory_than_there_is_room_for(void **state)
{
    (void)state;
    begin();
    tag_memory_begin(MEMORY_SPANS_MAX + 4);
    memory_entry(0x1000, PAGE_SIZE, 1); // small, but other CPUs start there
    memory_entry(MIB, 2 * PAGE_SIZE, 1);
    memory_entry(2 * MIB, 3 * PAGE_SIZE, 1);
    for (unsigned i = 0; i < MEMORY_SPANS_MAX; i++)
        memory_entry(GIB + 2 * MIB * i, MIB, 1);
    memory_entry(GIB + 0x2000, 0x1000, 2); // splits one, which needs room too
    tag_end();
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(info.memory.count, MEMORY_SPANS_MAX);
    assert_usable(0, 0x1000, PAGE_SIZE);
    assert_usable(1, GIB + 0x3000, MIB - 0x3000);
    assert_int_equal(info.complaint_count, 1);
    assert_string_equal(info.complaint.text,
                        "more than 1024 pieces of memory: 4 small ones are not used");
}

static void test_memory_without_a_map(void **state)
{
    (void)state;
    begin();
    tag_begin(4, 16);
    put_u32(640);
    put_u32(31 * 1024);
    tag_end();
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(info.memory.count, 2);
    assert_usable(0, 0, 640 * KIB);
    assert_usable(1, MIB, 31 * MIB);
}

static void efi_descriptor(uint32_t type, uint64_t start, uint64_t pages)
{
    put_u64(type);
    put_u64(start);
    put_u64(0); // virtual address
    put_u64(pages);
    put_u64(0xf); // attributes
    put_u64(0);   // firmware's own: descriptors may be longer than is known
}

static void test_efi_memory_map(void **state)
{
    (void)state;
    begin();
    tag_begin(17, 16 + 5 * 48);
    put_u32(48);
    put_u32(1);
    efi_descriptor(7, 0, 160);
    efi_descriptor(4, MIB, 256);
    efi_descriptor(10, 2 * MIB, 256);
    efi_descriptor(9, 3 * MIB, UINT64_MAX); // would overflow
    efi_descriptor(11, 0xfec00000, 1);
    tag_end();
    assert_int_equal(parse(), STATUS_OK);
    assert_true(info.efi);
    assert_usable(0, 0, 640 * KIB);
    assert_usable(1, MIB, MIB);
    assert_int_equal(info.memory.count, 2);
}

static void test_bios_map_counts_before_efi(void **state)
{
    (void)state;
    begin();
    tag_begin(17, 16 + 48);
    put_u32(48);
    put_u32(1);
    efi_descriptor(7, 0, 160);
    tag_memory();
    tag_end();
    assert_int_equal(parse(), STATUS_OK);
    assert_usable(1, MIB, 511 * MIB);
}

static void tag_screen(uint8_t type, uint32_t claimed)
{
    const uint8_t colours[] = {32, type, 0, 0, 16, 8, 8, 8, 0, 8};
    tag_begin(8, claimed);
    put_u64(0xc0000000);
    put_u32(3200);
    put_u32(800);
    put_u32(600);
    put(colours, sizeof(colours));
}

static void test_screens(void **state)
{
    (void)state;
    begin();
    tag_screen(1, 38);
    tag_memory();
    tag_end();
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(info.framebuffer.kind, SCREEN_PIXELS);
    assert_int_equal(info.framebuffer.physical, 0xc0000000);
    assert_int_equal(info.framebuffer.pitch, 3200);
    assert_int_equal(info.framebuffer.width, 800);
    assert_int_equal(info.framebuffer.height, 600);
    assert_int_equal(info.framebuffer.bits_per_pixel, 32);
    assert_int_equal(info.framebuffer.red.position, 16);
    assert_int_equal(info.framebuffer.blue.size, 8);

    begin();
    tag_screen(2, 38);
    tag_memory();
    tag_end();
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(info.framebuffer.kind, SCREEN_TEXT);

    begin();
    tag_screen(0, 38); // with a palette: not used
    tag_memory();
    tag_end();
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(info.framebuffer.kind, SCREEN_NONE);
}

static void test_newer_rsdp_counts(void **state)
{
    const uint8_t old[20] = "RSD PTR old";
    const uint8_t new[36] = "RSD PTR new";
    (void)state;
    for (unsigned order = 0; order < 2; order++) {
        begin();
        tag_begin(order ? 14 : 15, order ? 28 : 44);
        put(order ? old : new, order ? 20 : 36);
        tag_begin(order ? 15 : 14, order ? 44 : 28);
        put(order ? new : old, order ? 36 : 20);
        tag_memory();
        tag_end();
        assert_int_equal(parse(), STATUS_OK);
        assert_int_equal(info.rsdp_bytes, 36);
        assert_memory_equal(info.rsdp, new, 36);
    }
}

static void section(uint32_t type, uint64_t address, uint64_t bytes, uint32_t link)
{
    put_u32(0);
    put_u32(type);
    put_u64(0);
    put_u64(address);
    put_u64(0);
    put_u64(bytes);
    put_u32(link);
    put_u32(0);
    put_u64(8);
    put_u64(24);
}

static void tag_sections(uint32_t count, uint32_t bytes, uint32_t link)
{
    tag_begin(9, 20 + 3 * 64);
    put_u32(count);
    put_u32(bytes);
    put_u32(0);
    section(1, 0x100000, 0x1000, 0);
    section(2, 0x140000, 10 * 24ULL, link);
    section(3, 0x150000, 0x200, 0);
}

static void test_symbols(void **state)
{
    (void)state;
    begin();
    tag_sections(3, 64, 2);
    tag_memory();
    tag_end();
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(info.symbols.start, 0x140000);
    assert_int_equal(info.symbols.bytes, 240);
    assert_int_equal(info.symbol_names.start, 0x150000);
    assert_int_equal(info.symbol_names.bytes, 0x200);
}

static void test_bad_sections(void **state)
{
    static const struct {
        uint32_t count;
        uint32_t bytes;
        uint32_t link;
    } bad[] = {
        {4, 64, 2}, {UINT32_MAX, 64, 2}, {3, 63, 2}, {3, 0, 2}, {3, 64, 3}, {3, 64, 0}, {2, 64, 2},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        begin();
        tag_sections(bad[i].count, bad[i].bytes, bad[i].link);
        tag_memory();
        tag_end();
        assert_int_equal(parse(), STATUS_OK);
        assert_int_equal(info.symbols.bytes, 0);
        assert_int_equal(info.symbol_names.bytes, 0);
    }
}

static void test_tags_that_are_too_short(void **state)
{
    static const uint32_t types[] = {3, 4, 6, 8, 9, 14, 15, 17};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        for (uint32_t bytes = 8; bytes < 16; bytes += 4) {
            begin();
            tag_memory();
            tag_begin(types[i], bytes);
            if (bytes == 12)
                put_u32(0);
            tag_end();
            assert_int_equal(parse(), STATUS_OK);
            assert_int_equal(info.module_count, 0);
            assert_int_equal(info.rsdp_bytes, 0);
            assert_int_equal(info.framebuffer.kind, SCREEN_NONE);
            assert_int_equal(info.memory.count, 2);
        }
    }
}

static void test_pixels_without_colours(void **state)
{
    (void)state;
    begin();
    tag_screen(1, 34);
    tag_memory();
    tag_end();
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(info.framebuffer.kind, SCREEN_NONE);
    assert_string_equal(info.complaint.text, "Multiboot2 tag 8 has 34 bytes, at least 38 expected");
}

static void test_bad_modules(void **state)
{
    (void)state;
    begin();
    tag_memory();
    tag_module(0x200000, 0x1fffff, "vm=backwards");
    tag_module(0x300000, 0x300010, "vm=good");
    tag_end();
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(info.module_count, 1);
    assert_string_equal(info.modules[0].command_line, "vm=good");
    assert_string_equal(info.complaint.text,
                        "module 0 ends at 0x1fffff before it starts at 0x200000");
}

static void test_too_many_modules(void **state)
{
    (void)state;
    begin();
    tag_memory();
    for (unsigned i = 0; i < BOOT_MODULES_MAX + 3; i++)
        tag_module(0x200000, 0x200001, "vm=x");
    tag_end();
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(info.module_count, BOOT_MODULES_MAX);
    assert_int_equal(info.complaint_count, 3);
}

static void test_texts_without_end_or_too_long(void **state)
{
    char text[BOOT_COMMAND_LINE_BYTES + 50];
    (void)state;
    begin();
    tag_memory();
    tag_begin(1, 8 + 5);
    put("abcde", 5);
    tag_end();
    assert_int_equal(parse(), STATUS_OK);
    assert_string_equal(info.command_line, "abcde");
    assert_string_equal(info.complaint.text, "the text of Multiboot2 tag 1 has no end");

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    begin();
    tag_memory();
    tag_text(1, text);
    tag_end();
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(strlen(info.command_line), BOOT_COMMAND_LINE_BYTES - 1);
    assert_string_equal(info.complaint.text,
                        "the text of Multiboot2 tag 1 was cut to 1023 characters");
}

static void test_bad_memory_entries(void **state)
{
    static const uint32_t sizes[] = {0, 8, 19, UINT32_MAX};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        begin();
        tag_begin(6, 16 + 24);
        put_u32(sizes[i]);
        put_u32(0);
        memory_entry(MIB, 31 * MIB, 1);
        tag_end();
        assert_int_equal(parse(), STATUS_INVALID);
        assert_string_equal(why.text, "the boot loader gave no memory map");
    }
}

static void test_half_an_entry_is_not_read(void **state)
{
    (void)state;
    begin();
    tag_begin(6, 16 + 24 + 20);
    put_u32(24);
    put_u32(0);
    memory_entry(MIB, 31 * MIB, 1);
    put_u64(64 * MIB);
    put_u64(64 * MIB);
    put_u32(1);
    tag_end();
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(info.memory.count, 1);
}

static void test_tags_that_claim_too_much(void **state)
{
    static const uint32_t claims[] = {0, 7, 1000, 0x7fffffff, UINT32_MAX - 6, UINT32_MAX};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(claims); i++) {
        begin();
        tag_memory();
        tag_begin(1, claims[i]);
        put("text", 5);
        tag_end();
        assert_int_equal(parse(), STATUS_OK);
        assert_string_equal(info.command_line, "");
        assert_int_equal(info.complaint_count, 1);
    }
}

static void test_no_end_tag(void **state)
{
    (void)state;
    begin();
    tag_memory();
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(info.complaint_count, 1);
    tags[tags_bytes++] = 0; // and half a header of one
    assert_int_equal(parse(), STATUS_OK);
    assert_int_equal(info.complaint_count, 1);
}

static void test_unreadable_wholes(void **state)
{
    static const uint8_t nothing[16] = {0};
    uint32_t total[2] = {100, 0};
    (void)state;
    assert_int_equal(boot_info_parse(nothing, 4, &info, &why), STATUS_INVALID);
    assert_int_equal(boot_info_parse(nothing, 16, &info, &why), STATUS_INVALID);
    assert_int_equal(boot_info_parse(total, 8, &info, &why), STATUS_INVALID);
    assert_string_equal(why.text, "the Multiboot2 tags claim 100 bytes of 8");
    total[0] = 8;
    assert_int_equal(boot_info_parse(total, 8, &info, &why), STATUS_INVALID);
}

static void test_every_truncation(void **state)
{
    (void)state;
    begin();
    tag_text(1, "guests=hello");
    tag_module(0x200000, 0x200431, "vm=web");
    tag_screen(1, 38);
    tag_sections(3, 64, 2);
    tag_memory();
    tag_end();
    uint32_t whole = tags_bytes;
    for (uint32_t bytes = 8; bytes < whole; bytes++) {
        tags_bytes = bytes;
        enum status status = parse();
        assert_true(status == STATUS_OK || status == STATUS_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_and_modules),
        cmocka_unit_test(test_memory_is_sorted_and_untangled),
        cmocka_unit_test(test_memory_that_touches_is_joined),
        cmocka_unit_test(test_a_map_of_312_entries),
        cmocka_unit_test(test_more_memory_than_there_is_room_for),
        cmocka_unit_test(test_memory_without_a_map),
        cmocka_unit_test(test_efi_memory_map),
        cmocka_unit_test(test_bios_map_counts_before_efi),
        cmocka_unit_test(test_screens),
        cmocka_unit_test(test_newer_rsdp_counts),
        cmocka_unit_test(test_symbols),
        cmocka_unit_test(test_bad_sections),
        cmocka_unit_test(test_tags_that_are_too_short),
        cmocka_unit_test(test_pixels_without_colours),
        cmocka_unit_test(test_bad_modules),
        cmocka_unit_test(test_too_many_modules),
        cmocka_unit_test(test_texts_without_end_or_too_long),
        cmocka_unit_test(test_bad_memory_entries),
        cmocka_unit_test(test_half_an_entry_is_not_read),
        cmocka_unit_test(test_tags_that_claim_too_much),
        cmocka_unit_test(test_no_end_tag),
        cmocka_unit_test(test_unreadable_wholes),
        cmocka_unit_test(test_every_truncation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
