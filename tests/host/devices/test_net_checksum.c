// SPDX-License-Identifier: MIT
// Tests of the Internet checksum against a sum of 16-bit words in network order.
#include "vmm/devices/virtio/net_checksum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static uint8_t bytes[512];

static uint32_t plain_sum(const uint8_t *at, uint32_t count)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum += i & 1 ? at[i] : (uint32_t)at[i] << 8;
    }
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

static void fill(uint32_t seed)
{
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        seed = seed * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(seed >> 24);
    }
}

static void test_any_length_and_alignment(void **state)
{
    uint8_t checksum[2];
    (void)state;
    for (uint32_t count = 0; count < 100; count++) {
        fill(count);
        net_checksum_put(checksum, net_checksum_add(0, bytes + count % 9, count));
        uint32_t expected = ~plain_sum(bytes + count % 9, count) & 0xffff;
        assert_int_equal(checksum[0] << 8 | checksum[1], expected ? expected : 0xffff);
    }
}

static void test_a_sum_goes_on(void **state)
{
    uint8_t whole[2];
    uint8_t parts[2];
    (void)state;
    memset(bytes, 0xff, sizeof(bytes)); // carries everywhere
    net_checksum_put(whole, net_checksum_add(0, bytes, 501));
    net_checksum_put(parts, net_checksum_add(net_checksum_add(0, bytes, 86), bytes + 86, 415));
    assert_memory_equal(whole, parts, 2);
    assert_int_equal(whole[0] << 8 | whole[1], ~plain_sum(bytes, 501) & 0xffff);
}

static void test_nothing_has_the_checksum_of_all_ones(void **state)
{
    uint8_t checksum[2] = {0};
    (void)state;
    net_checksum_put(checksum, 0);
    assert_memory_equal(checksum, "\xff\xff", 2);
    net_checksum_put(checksum, UINT64_MAX); // whose complement is 0
    assert_memory_equal(checksum, "\xff\xff", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_length_and_alignment),
        cmocka_unit_test(test_a_sum_goes_on),
        cmocka_unit_test(test_nothing_has_the_checksum_of_all_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
