// SPDX-License-Identifier: MIT
// Tests of the words after `console=`.
#include "vmm/util/console_choice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_each_choice_has_a_word(void **state)
{
    static const char *const words[] = {"serial", "screen", "spcr", "pci-serial", "com1", "com2",
                                        "com3",   "com4",   "pci0", "pci1",       "pci2", "pci3",
                                        "pci4",   "pci5",   "pci6", "pci7"};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
        assert_int_equal(console_choice_of(words[i], strlen(words[i])), BIT(i));
        assert_string_equal(console_choice_word((unsigned)BIT(i)), words[i]);
    }
    assert_int_equal(console_choice_of("vga", 3), CONSOLE_SCREEN);
}

static void test_only_whole_words_count(void **state)
{
    (void)state;
    assert_int_equal(console_choice_of("com1,com2", 4), CONSOLE_COM1);
    assert_int_equal(console_choice_of("com1", 3), 0);
    assert_int_equal(console_choice_of("com12", 5), 0);
    assert_int_equal(console_choice_of("", 0), 0);
}

static void test_the_word_of_the_fewest_devices_is_taken(void **state)
{
    (void)state;
    assert_string_equal(console_choice_word(CONSOLE_SPCR | CONSOLE_COM1 << 2), "com3");
    assert_string_equal(console_choice_word(CONSOLE_SERIAL | CONSOLE_PCI), "pci-serial");
    assert_string_equal(console_choice_word(0), "");
}

static void test_a_line_that_is_not_to_be_probed(void **state)
{
    (void)state;
    assert_int_equal(console_choice_of("com2!", 5),
                     CONSOLE_COM1 << 1 | CONSOLE_COM1 << (1 + CONSOLE_UNPROBED_SHIFT));
    assert_int_equal(console_choice_of("spcr!", 5),
                     CONSOLE_SPCR | CONSOLE_SPCR << CONSOLE_UNPROBED_SHIFT);
    assert_int_equal(console_choice_of("pci7!", 5),
                     CONSOLE_PCI0 << 7 | BIT(15 + CONSOLE_UNPROBED_SHIFT));
    assert_int_equal(console_choice_of("serial!", 7), 0); // several lines
    assert_int_equal(console_choice_of("pci-serial!", 11), 0);
    assert_int_equal(console_choice_of("screen!", 7), 0);
    assert_int_equal(console_choice_of("com1!!", 6), 0);
    assert_int_equal(console_choice_of("!", 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_choice_has_a_word),
        cmocka_unit_test(test_only_whole_words_count),
        cmocka_unit_test(test_a_line_that_is_not_to_be_probed),
        cmocka_unit_test(test_the_word_of_the_fewest_devices_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
