// SPDX-License-Identifier: MIT
// Tests of refusals.
#include "vmm/util/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_refusal_has_its_sentence(void **state)
{
    struct reason why;
    (void)state;
    assert_int_equal(refuse(&why, STATUS_RANGE, "mem=%s: %d", "9T", 7), STATUS_RANGE);
    assert_string_equal(why.text, "mem=9T: 7");
}

static void test_nobody_may_want_the_reason(void **state)
{
    (void)state;
    assert_int_equal(refuse(NULL, STATUS_BUSY, "%s", "unread"), STATUS_BUSY);
}

static void test_long_sentence_is_cut(void **state)
{
    struct reason why;
    (void)state;
    assert_int_equal(refuse(&why, STATUS_INVALID, "%300s", "x"), STATUS_INVALID);
    assert_int_equal(strlen(why.text), sizeof(why.text) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusal_has_its_sentence),
        cmocka_unit_test(test_nobody_may_want_the_reason),
        cmocka_unit_test(test_long_sentence_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
