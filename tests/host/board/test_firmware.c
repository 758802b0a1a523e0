// SPDX-License-Identifier: MIT
// Tests of how the ROM gets into a VM's first megabyte.
#include "vmm/board/firmware.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/host/ram_fixture.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define ROM_BYTES 4096

static uint8_t image[FIRMWARE_MAX_BYTES + 16];
static struct reason why;

static int set_up(void **state)
{
    (void)state;
    ram_set(2 * MIB, 0);
    memset(image, 0x90, sizeof(image));
    return 0;
}

// The default handler, then two vectors.
static void write_table(void)
{
    static const uint8_t table[] = {0x00, 0xf1, 0x10, 0x34, 0xf2, 0x13, 0x56, 0xf3, 0xff};
    memcpy(image, table, sizeof(table));
}

static uint32_t vector(unsigned number)
{
    const uint8_t *bytes = ram + 4 * (size_t)number;
    return bytes[0] | bytes[1] << 8 | bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void the_image_ends_at_1_mib(void **state)
{
    (void)state;
    write_table();
    assert_int_equal(firmware_install(image, ROM_BYTES, &memory, &why), STATUS_OK);
    assert_memory_equal(ram + MIB - ROM_BYTES, image, ROM_BYTES);
    assert_int_equal(ram[MIB - ROM_BYTES - 1], 0);
    assert_int_equal(ram[MIB], 0);
}

static void vectors_point_into_segment_f000(void **state)
{
    (void)state;
    write_table();
    assert_int_equal(firmware_install(image, ROM_BYTES, &memory, &why), STATUS_OK);
    assert_int_equal(vector(0), 0xf000f100);
    assert_int_equal(vector(0x10), 0xf000f234);
    assert_int_equal(vector(0x13), 0xf000f356);
    assert_int_equal(vector(0xff), 0xf000f100);
    assert_int_equal(ram[0x400], 0); // nothing behind the vectors
}

static void the_largest_image_is_32_kib(void **state)
{
    (void)state;
    write_table();
    assert_int_equal(firmware_install(image, FIRMWARE_MAX_BYTES, &memory, &why), STATUS_OK);
    assert_int_equal(firmware_install(image, FIRMWARE_MAX_BYTES + 1, &memory, &why), STATUS_RANGE);
    assert_non_null(strstr(why.text, "32769 bytes"));
    assert_int_equal(firmware_install(image, UINT64_MAX, &memory, &why), STATUS_RANGE);
}

static void too_small_an_image_is_refused(void **state)
{
    (void)state;
    for (uint64_t size = 0; size <= 2; size++) {
        assert_int_equal(firmware_install(image, size, &memory, &why), STATUS_RANGE);
    }
    write_table();
    image[2] = 0xff;
    assert_int_equal(firmware_install(image, 3, &memory, &why), STATUS_OK);
    assert_int_equal(vector(9), 0xf000f100);
}

// A table without an end mark, in images of several sizes, must not be read beyond the image.
static void a_table_without_end_ends_with_the_image(void **state)
{
    (void)state;
    for (uint64_t size = 3; size < 64; size++) {
        uint8_t *exact = malloc(size);

        assert_non_null(exact);
        memset(exact, 0x21, size);
        assert_int_equal(firmware_install(exact, size, &memory, &why), STATUS_OK);
        free(exact);
    }
    assert_int_equal(vector(0x21), 0xf0002121);
}

static void a_vm_without_that_memory_is_refused(void **state)
{
    (void)state;
    memory.extent_count = 1; // only below the VGA hole
    assert_int_equal(firmware_install(image, ROM_BYTES, &memory, &why), STATUS_RANGE);
    assert_non_null(strstr(why.text, "4096 bytes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_image_ends_at_1_mib, set_up, ram_tear_down),
        cmocka_unit_test_setup_teardown(vectors_point_into_segment_f000, set_up, ram_tear_down),
        cmocka_unit_test_setup_teardown(the_largest_image_is_32_kib, set_up, ram_tear_down),
        cmocka_unit_test_setup_teardown(too_small_an_image_is_refused, set_up, ram_tear_down),
        cmocka_unit_test_setup_teardown(a_table_without_end_ends_with_the_image, set_up,
                                        ram_tear_down),
        cmocka_unit_test_setup_teardown(a_vm_without_that_memory_is_refused, set_up, ram_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
