// SPDX-License-Identifier: MIT
// Tests of runs of bits. The results are compared with those of a slow and simple search.
#include "vmm/util/bitmap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define BITS 200

static uint64_t slow_find(const struct bitmap *map, uint64_t from, uint64_t count,
                          uint64_t alignment)
{
    for (uint64_t first = from; first + count <= map->bits; first++) {
        uint64_t run = 0;
        while (run < count && !bitmap_test(map, first + run))
            run++;
        if (run == count && first % alignment == 0)
            return first;
    }
    return BITMAP_NONE;
}

static void test_set_and_clear(void **state)
{
    uint64_t words[BITMAP_BYTES(BITS) / 8] = {0};
    struct bitmap map = {.words = words, .bits = BITS};
    (void)state;
    bitmap_set(&map, 60, 10);
    assert_false(bitmap_test(&map, 59));
    assert_true(bitmap_test(&map, 60));
    assert_true(bitmap_test(&map, 69));
    assert_false(bitmap_test(&map, 70));
    bitmap_clear(&map, 62, 2);
    assert_true(bitmap_test(&map, 61));
    assert_false(bitmap_test(&map, 62));
    assert_true(bitmap_test(&map, 64));
}

static void test_full_and_empty(void **state)
{
    uint64_t words[BITMAP_BYTES(BITS) / 8] = {0};
    struct bitmap map = {.words = words, .bits = BITS};
    (void)state;
    assert_int_equal(bitmap_find_clear(&map, 0, BITS, 1), 0);
    assert_int_equal(bitmap_find_clear(&map, 0, BITS + 1, 1), BITMAP_NONE);
    assert_int_equal(bitmap_find_clear(&map, 1, BITS, 1), BITMAP_NONE);
    assert_int_equal(bitmap_find_clear(&map, BITS, 1, 1), BITMAP_NONE);
    bitmap_set(&map, 0, BITS);
    assert_int_equal(bitmap_find_clear(&map, 0, 1, 1), BITMAP_NONE);
    bitmap_clear(&map, BITS - 1, 1);
    assert_int_equal(bitmap_find_clear(&map, 0, 1, 1), BITS - 1);
}

static void test_as_the_slow_search(void **state)
{
    static const uint64_t alignments[] = {1, 2, 7, 64, 128};
    uint64_t words[BITMAP_BYTES(BITS) / 8] = {0};
    struct bitmap map = {.words = words, .bits = BITS};
    (void)state;
    srand(1);
    for (int round = 0; round < 20000; round++) {
        uint64_t at = (uint64_t)rand() % (BITS - 20);
        uint64_t count = 1 + (uint64_t)rand() % 20;
        uint64_t from = (uint64_t)rand() % BITS;
        uint64_t alignment = alignments[rand() % 5];
        if (rand() % 2)
            bitmap_set(&map, at, count);
        else
            bitmap_clear(&map, at, count);
        assert_int_equal(bitmap_find_clear(&map, from, count, alignment),
                         slow_find(&map, from, count, alignment));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_and_clear),
        cmocka_unit_test(test_full_and_empty),
        cmocka_unit_test(test_as_the_slow_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
