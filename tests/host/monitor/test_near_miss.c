// SPDX-License-Identifier: MIT
// Tests of the guess at a mistyped name.
#include "vmm/monitor/near_miss.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char *const names[] = {"start", "stop", "regs", "vm",
                                    "a-name-of-more-than-thirty-one-characters"};

// The guess among all names.
static const char *guess(const char *word)
{
    struct near_miss miss;
    near_miss_begin(&miss, word);
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        near_miss_offer(&miss, names[i]);
    }
    return miss.best;
}

static void one_or_two_changed_characters_are_guessed(void **state)
{
    (void)state;
    assert_string_equal(guess("strat"), "start"); // two replaced
    assert_string_equal(guess("starts"), "start");
    assert_string_equal(guess("stp"), "stop");
    assert_string_equal(guess("reg"), "regs");
    assert_null(guess("pause"));
    assert_null(guess(""));
}

static void the_nearest_name_wins_and_the_first_of_equals(void **state)
{
    struct near_miss miss;
    (void)state;
    assert_string_equal(guess("stap"), "stop"); // "start" is two changes away
    near_miss_begin(&miss, "web");
    near_miss_offer(&miss, "web1");
    near_miss_offer(&miss, "web2");
    assert_string_equal(miss.best, "web1");
}

static void a_name_that_would_be_all_changed_is_no_guess(void **state)
{
    (void)state;
    assert_null(guess("xy")); // as far from "vm" as "vm" is long
    assert_string_equal(guess("vx"), "vm");
}

static void long_words_and_long_names_are_left_out(void **state)
{
    (void)state;
    assert_null(guess("a-name-of-more-than-thirty-one-character"));
    assert_null(guess("this-word-has-more-characters-than-are-compared"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_or_two_changed_characters_are_guessed),
        cmocka_unit_test(the_nearest_name_wins_and_the_first_of_equals),
        cmocka_unit_test(a_name_that_would_be_all_changed_is_no_guess),
        cmocka_unit_test(long_words_and_long_names_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
