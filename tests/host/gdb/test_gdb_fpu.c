// SPDX-License-Identifier: MIT
// Tests of the x87 unit's state as GDB is shown it.
#include "vmm/debug/gdb/gdb_fpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/backend.h"
#include "vmm/debug/gdb/gdb_registers.h"

static uint8_t image[VECTOR_X87_BYTES];
static struct gdb_registers registers;

static void all_that_is_read_can_be_written(void **state)
{
    uint8_t before[sizeof(image)];
    (void)state;
    for (unsigned i = 0; i < sizeof(image); i++) {
        image[i] = (uint8_t)(i * 7 + 1);
    }
    memcpy(before, image, sizeof(image));
    gdb_fpu_get(image, &registers);
    assert_int_equal(registers.x87[GDB_FCTRL], image[0] | image[1] << 8);
    assert_int_equal(registers.x87[GDB_FOP], image[6] | image[7] << 8);
    assert_int_equal(registers.mxcsr & 0xff, image[24]);
    assert_memory_equal(registers.st[7], &image[32 + 7 * 16], 10);
    gdb_fpu_set(image, &registers);
    assert_memory_equal(image, before, sizeof(image));
}

// With TOP at 6, ST0 is register 6 and ST2 is register 0.
static void tags_are_of_the_registers_themselves(void **state)
{
    (void)state;
    memset(image, 0, sizeof(image));
    image[3] = 6 << 3;
    image[4] = BIT(6) | BIT(7) | BIT(0);
    image[32 + 7] = 0x80; // ST0: 1.0
    image[32 + 8] = 0xff;
    image[32 + 9] = 0x3f;
    image[32 + 32 + 7] = 0x80; // ST2: infinity
    image[32 + 32 + 8] = 0xff;
    image[32 + 32 + 9] = 0x7f;
    gdb_fpu_get(image, &registers);
    assert_int_equal(registers.x87[GDB_FTAG], 0x4ffe); // valid, zero, five empty, special
    registers.x87[GDB_FTAG] = 0xffff;
    gdb_fpu_set(image, &registers);
    assert_int_equal(image[4], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_is_read_can_be_written),
        cmocka_unit_test(tags_are_of_the_registers_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
