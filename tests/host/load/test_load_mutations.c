// SPDX-License-Identifier: MIT
// Tests a thousand mutations of a good payload of each kind. Each one loads soundly, or is refused
// with one line. Nothing outside the VM's RAM is written. The same is tested with real images, if
// they are in the build folder (HUSK_BUILD, else build): Husk's own, guests, Debian's kernel,
// memtest86+.
#include "tests/host/load/load_check.h"
#include "tests/host/load/load_files.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/load/load_fixture.h"
#include "vmm/load/load.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

#define MUTATIONS 1000
#define MODULE_BYTES 0x3000
#define REAL_RAM (128 * MIB) // Debian's kernel needs 64 MiB from 16 MiB on
#define HEADER_BYTES 0x400   // where the headers of the payloads below lie

static uint64_t seed;

// The generator is xorshift64. It gives the same numbers in every run.
static uint64_t random_below(uint64_t limit)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % limit;
}

// Half of the values are at a border, the others are any.
static uint32_t random_value(void)
{
    static const uint32_t borders[] = {0,          1,       0x7fffffff,  0x80000000, 0xffffffff,
                                       0xfffff000, 4 * MIB, 4 * MIB - 1, 0xa0000,    0x100000};
    return random_below(2) == 0 ? borders[random_below(ARRAY_SIZE(borders))]
                                : (uint32_t)random_below(1ULL << 32);
}

static void mutate(uint8_t *bytes, uint64_t size)
{
    uint64_t within = random_below(4) != 0 ? MIN(HEADER_BYTES, size) : size;
    uint64_t count = 1 + random_below(4);
    for (uint64_t i = 0; i < count; i++) {
        uint32_t value = random_value();
        uint64_t width = 1ULL << random_below(3);
        memcpy(bytes + random_below(within - width), &value, width);
    }
}

// The VGA hole is no RAM, so no load may write there.
static void assert_hole_untouched(void)
{
    for (uint64_t at = GUEST_VGA_HOLE; at < GUEST_VGA_HOLE_END; at += sizeof(uint32_t)) {
        uint32_t word;
        memcpy(&word, ram + at, sizeof(word));
        assert_int_equal(word, 0xeeeeeeee);
    }
}

static void load_mutation(enum payload_kind kind, const uint8_t *bytes, uint64_t size)
{
    const char *complaint;
    request.payload.bytes = bytes;
    request.payload.size = size;
    request.module_count = (unsigned)random_below(3);
    request.modules[0] = (struct payload){bytes, MIN(MODULE_BYTES, size), "first"};
    request.modules[1] = (struct payload){bytes, MIN(MODULE_BYTES, size) / 2, "second"};
    request.kind = random_below(2) == 0 ? kind : PAYLOAD_UNKNOWN;
    complaint = load_complaint(load(), &result, &plan, &memory, &why);
    if (complaint) {
        fail_msg("%s: %s", payload_kind_name(kind), complaint);
    }
}

// The `size` bytes are a good payload. Loads it, then its mutations.
static void mutate_and_load_bytes(enum payload_kind kind, const uint8_t *bytes, uint64_t size)
{
    // Each mutation ends at the end of the buffer, so that a read beyond the end is found.
    uint8_t *buffer = malloc(size);
    unsigned loaded = 0;
    assert_non_null(buffer);
    seed = 0x9e3779b97f4a7c15;
    request.payload.bytes = bytes;
    request.payload.size = size;
    assert_loads();
    assert_int_equal(result.kind, kind);
    for (unsigned i = 0; i < MUTATIONS; i++) {
        uint64_t cut = random_below(8) == 0 ? 1 + random_below(size) : size;
        uint8_t *copy = buffer + size - cut;
        memcpy(copy, bytes, cut);
        if (cut > sizeof(uint32_t)) {
            mutate(copy, cut);
        }
        load_mutation(kind, copy, cut);
        loaded += why.text[0] == '\0';
    }
    free(buffer);
    assert_hole_untouched();
    assert_in_range(loaded, 1, MUTATIONS - 1); // some mutations load, and some are refused
}

// The same for the first `size` bytes of the file.
static void mutate_and_load(enum payload_kind kind, uint64_t size)
{
    mutate_and_load_bytes(kind, file.bytes, size);
}

// ---- Payloads made here ----

static void test_flat(void **state)
{
    (void)state;
    file.bytes[510] = 0x55;
    file.bytes[511] = 0xaa;
    // Only its size and signature can be wrong.
    mutate_and_load(PAYLOAD_FLAT, 512);
}

static void test_elf32(void **state)
{
    (void)state;
    make_elf32(0);
    memset(file.elf32.multiboot, 0, sizeof(file.elf32.multiboot));
    file.elf32.segments[0].flags = 5;
    mutate_and_load(PAYLOAD_ELF32, sizeof(file.bytes));
}

static void test_elf64(void **state)
{
    (void)state;
    make_elf64();
    mutate_and_load(PAYLOAD_ELF64, sizeof(file.bytes));
}

static void test_linux(void **state)
{
    (void)state;
    make_linux_2_15();
    mutate_and_load(PAYLOAD_LINUX, LINUX_FILE_BYTES);
}

static void test_linux_2_06(void **state)
{
    (void)state;
    make_linux(0x206, 0x3a);
    mutate_and_load(PAYLOAD_LINUX, LINUX_FILE_BYTES);
}

static void test_multiboot1(void **state)
{
    (void)state;
    make_multiboot();
    mutate_and_load(PAYLOAD_MULTIBOOT1, sizeof(file.bytes));
}

static void test_multiboot1_elf(void **state)
{
    (void)state;
    make_elf32(0);
    mutate_and_load(PAYLOAD_MULTIBOOT1, sizeof(file.bytes));
}

static void write_multiboot2(uint64_t offset, const uint32_t *tags, uint64_t bytes)
{
    uint32_t length = 16 + (uint32_t)bytes;
    const uint32_t header[] = {0xe85250d6, 0, length, 0U - 0xe85250d6U - length};
    memcpy(file.bytes + offset, header, sizeof(header));
    memcpy(file.bytes + offset + sizeof(header), tags, bytes);
}

static void test_multiboot2(void **state)
{
    // Information request, addresses, entry, relocatable, end.
    static const uint32_t tags[] = {
        1,  16,       1, 6,  2,  24,       0x100040,   0x100000, 0, 0x104000, 3,
        12, 0x100100, 0, 10, 24, 0x100000, 0xffffffff, 0x1000,   1, 0,        8};
    (void)state;
    write_multiboot2(0x40, tags, sizeof(tags));
    mutate_and_load(PAYLOAD_MULTIBOOT2, sizeof(file.bytes));
}

static void test_multiboot2_elf(void **state)
{
    static const uint32_t tags[] = {0, 8};
    (void)state;
    make_elf32(0);
    memset(file.elf32.multiboot, 0, sizeof(file.elf32.multiboot));
    write_multiboot2(0x100, tags, sizeof(tags));
    file.elf32.shoff = 0x200;
    file.elf32.shentsize = 40;
    file.elf32.shnum = 2;
    memset(file.bytes + 0x200, 0, 80);
    memcpy(file.bytes + 0x200 + 44, (const uint32_t[]){3, 0, 0, 0x2100, 0x80}, 20);
    mutate_and_load(PAYLOAD_MULTIBOOT2, sizeof(file.bytes));
}

// ---- Real images ----

// The file of the build folder that matches, or NULL; its size goes to *size.
static uint8_t *read_real(const char *pattern, uint64_t *size)
{
    const char *folder = getenv("HUSK_BUILD");
    char path[512];
    glob_t found;
    uint8_t *bytes = NULL;
    snprintf(path, sizeof(path), "%s/%s", folder ? folder : "build", pattern);
    if (glob(path, 0, NULL, &found) == 0) {
        FILE *stream = fopen(found.gl_pathv[0], "rb");

        assert_non_null(stream);
        assert_int_equal(fseek(stream, 0, SEEK_END), 0);
        *size = (uint64_t)ftell(stream);
        rewind(stream);
        bytes = malloc(*size);
        assert_non_null(bytes);
        assert_int_equal(fread(bytes, 1, *size, stream), *size);
        fclose(stream);
    }
    globfree(&found);
    return bytes;
}

static void mutate_and_load_real(enum payload_kind kind, const char *pattern)
{
    uint64_t size;
    uint8_t *bytes = read_real(pattern, &size);
    if (!bytes) {
        print_message("not there: %s\n", pattern);
        skip();
    }
    load_set_ram(REAL_RAM);
    mutate_and_load_bytes(kind, bytes, size);
    free(bytes);
}

static void test_debians_kernel(void **state)
{
    (void)state;
    mutate_and_load_real(PAYLOAD_LINUX, "debian/linux-image-cloud-amd64/boot/vmlinuz-*");
}

static void test_memtest(void **state)
{
    (void)state;
    mutate_and_load_real(PAYLOAD_LINUX, "debian/memtest86+/boot/memtest86+x64.bin");
}

static void test_husk(void **state)
{
    (void)state;
    mutate_and_load_real(PAYLOAD_MULTIBOOT2, "iso/boot/husk.elf");
}

static void test_guest_in_c(void **state)
{
    (void)state;
    mutate_and_load_real(PAYLOAD_ELF64, "guests/hello.elf");
}

static void test_guest_in_real_mode(void **state)
{
    (void)state;
    mutate_and_load_real(PAYLOAD_FLAT, "guests/realmode.bin");
}

#define LOAD_TEST(test) cmocka_unit_test_setup_teardown(test, load_file_set_up, ram_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOAD_TEST(test_flat),           LOAD_TEST(test_elf32),
        LOAD_TEST(test_elf64),          LOAD_TEST(test_linux),
        LOAD_TEST(test_linux_2_06),     LOAD_TEST(test_multiboot1),
        LOAD_TEST(test_multiboot1_elf), LOAD_TEST(test_multiboot2),
        LOAD_TEST(test_multiboot2_elf), LOAD_TEST(test_debians_kernel),
        LOAD_TEST(test_memtest),        LOAD_TEST(test_husk),
        LOAD_TEST(test_guest_in_c),     LOAD_TEST(test_guest_in_real_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
