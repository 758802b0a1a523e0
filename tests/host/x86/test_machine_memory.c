// SPDX-License-Identifier: MIT
// Tests of which physical addresses exist, and which can be a device's.
#include "arch/x86/machine_memory.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "arch/x86/cpuid_bits.h"
#include "tests/host/fake_cpu.h"

static const struct memory_span usable[] = {{0, 0x9f000}, {MIB, 63 * MIB}, {4 * GIB, GIB}};
static const struct machine_memory memory = {.usable = usable, .usable_count = ARRAY_SIZE(usable)};

static int set_up(void **state)
{
    (void)state;
    fake_cpu_init();
    fake_cpu_set_leaf(CPUID_ADDRESS_SIZES, (struct cpuid_registers){.eax = 0x3027});
    machine_memory_set(&memory);
    return 0;
}

static void test_addresses_of_the_cpu(void **state)
{
    (void)state;
    assert_true(machine_memory_has(0, BIT(39)));
    assert_true(machine_memory_has(BIT(39) - 4, 4));
    assert_false(machine_memory_has(BIT(39) - 4, 5));
    assert_false(machine_memory_has(BIT(39), 0));
    assert_false(machine_memory_has(UINT64_MAX, 4));
    assert_false(machine_memory_has(MIB, UINT64_MAX));
    fake_cpu_init(); // a CPU that does not say how many bits it has
    assert_true(machine_memory_has(BIT(36) - 1, 1));
    assert_false(machine_memory_has(BIT(36), 1));
}

static void test_a_device_is_not_in_ram(void **state)
{
    (void)state;
    assert_true(machine_memory_can_be_device(0xa0000, 0x20000));
    assert_true(machine_memory_can_be_device(64 * MIB, 0x1000));
    assert_true(machine_memory_can_be_device(0xfed00000, 0x400));
    assert_false(machine_memory_can_be_device(64 * MIB - 1, 2));
    assert_false(machine_memory_can_be_device(MIB - 4, 8));
    assert_false(machine_memory_can_be_device(2 * MIB, 0x400));
    assert_false(machine_memory_can_be_device(4 * GIB, 4));
    assert_false(machine_memory_can_be_device(0x9f000 - 4, 8 * GIB));
    assert_false(machine_memory_can_be_device(BIT(39), 4));
}

static void test_before_the_map_is_known(void **state)
{
    (void)state;
    machine_memory_set(NULL);
    assert_true(machine_memory_can_be_device(2 * MIB, 0x400));
    assert_false(machine_memory_can_be_device(BIT(39), 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_addresses_of_the_cpu, set_up),
        cmocka_unit_test_setup(test_a_device_is_not_in_ram, set_up),
        cmocka_unit_test_setup(test_before_the_map_is_known, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
