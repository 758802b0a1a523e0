// SPDX-License-Identifier: MIT
// Tests of the loaders: where a good payload ends up, and what each refusal of a bad one says.
#include "tests/host/load/load_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// ---- Flat

static void make_flat(void)
{
    file.bytes[510] = 0x55;
    file.bytes[511] = 0xaa;
}

static void test_flat(void **state)
{
    (void)state;
    make_flat();
    assert_int_equal(payload_recognise(file.bytes, 512), PAYLOAD_FLAT);
    assert_int_equal(payload_recognise(file.bytes, 511), PAYLOAD_UNKNOWN);
    assert_loads();
    assert_int_equal(result.kind, PAYLOAD_FLAT);
    assert_int_equal(result.mode, START_REAL);
    assert_int_equal(result.entry, 0x7c00);
    assert_int_equal(result.stack, 0x7c00);
    assert_int_equal(result.rdx, 0x80);
    assert_memory_equal(ram + 0x7c00, file.bytes, sizeof(file.bytes));
    assert_int_equal(ram[0x7bff], 0xee);
    assert_int_equal(ram[0x7c00 + sizeof(file.bytes)], 0xee);
}

static void test_flat_by_word(void **state)
{
    (void)state;
    assert_refused("payload of 12288 bytes of an unknown kind: expected Multiboot 1 or 2, a "
                   "bzImage, ELF, or 0x55aa at offset 510 (else say kind=flat)");
    request.kind = PAYLOAD_FLAT;
    request.payload.size = 1;
    assert_loads();
    assert_int_equal(ram[0x7c00], file.bytes[0]);
}

static void test_flat_sizes(void **state)
{
    uint64_t most = 0x9fc00 - 0x7c00;
    uint8_t *large = calloc(1, most + 1);
    (void)state;
    assert_non_null(large);
    request.kind = PAYLOAD_FLAT;
    request.payload.bytes = large;
    request.payload.size = most;
    assert_loads();
    request.payload.size = most + 1;
    assert_refused("a flat binary of 622593 bytes: expected 1 to 622592");
    request.payload.size = 0;
    assert_refused("a flat binary of 0 bytes: expected 1 to 622592");
    free(large);
}

// The information is that of Multiboot 1. It and the modules lie outside the memory that a boot
// sector uses.
static void test_flat_information(void **state)
{
    static const uint8_t module[] = {1, 2, 3};
    static const uint8_t large[64 * KIB] = {4};
    uint64_t list;
    (void)state;
    make_flat();
    request.module_count = 2;
    request.modules[0] = (struct payload){module, sizeof(module), "first"};
    request.modules[1] = (struct payload){large, sizeof(large), "second"};
    assert_loads();
    assert_int_equal(result.rbx, 0x90000);
    assert_string_equal((char *)ram + ram32(result.rbx + 16), "one two");
    assert_int_equal(ram32(result.rbx + 20), 2);
    list = ram32(result.rbx + 24);
    assert_int_equal(ram32(list), 0x91000);
    assert_memory_equal(ram + 0x91000, module, sizeof(module));
    assert_string_equal((char *)ram + ram32(list + 8), "first");
    assert_int_equal(ram32(list + 16), MIB);
    assert_memory_equal(ram + MIB, large, sizeof(large));
}

// ---- Kinds

static void test_forced_kinds(void **state)
{
    (void)state;
    request.kind = PAYLOAD_ELF64;
    assert_refused("not an ELF file: no 7f 45 4c 46 at its start");
    request.kind = PAYLOAD_MULTIBOOT1;
    assert_refused("no Multiboot 1 header with a valid checksum in the first 8192 bytes");
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(payload_kind_name(PAYLOAD_MULTIBOOT1), "multiboot1");
    assert_string_equal(payload_kind_name(PAYLOAD_KINDS), "unknown");
    assert_string_equal(payload_kind_name((enum payload_kind) - 1), "unknown");
}

#define LOAD_TEST(test) cmocka_unit_test_setup_teardown(test, load_file_set_up, ram_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOAD_TEST(test_flat),         LOAD_TEST(test_flat_by_word),
        LOAD_TEST(test_flat_sizes),   LOAD_TEST(test_flat_information),
        LOAD_TEST(test_forced_kinds), LOAD_TEST(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
