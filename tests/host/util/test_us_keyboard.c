// SPDX-License-Identifier: MIT
// Tests of the US layout: both directions, from keys and to keys, give the same.
#include "vmm/util/us_keyboard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void every_printable_character_has_a_key(void **state)
{
    (void)state;
    for (char character = ' '; character <= '~'; character++) {
        uint8_t code = 0;
        bool shift = false;
        assert_true(us_keyboard_find(character, &code, &shift));
        assert_int_equal(us_keyboard_character(code, shift), character);
    }
}

static void every_key_with_a_character_is_found_by_it(void **state)
{
    (void)state;
    for (unsigned key = 0; key <= UINT8_MAX; key++) {
        for (unsigned shift = 0; shift < 2; shift++) {
            char character = us_keyboard_character((uint8_t)key, shift);
            uint8_t found = 0;
            bool found_shift = false;
            assert_int_equal(us_keyboard_find(character, &found, &found_shift), character != '\0');
            assert_int_equal(us_keyboard_character(found, found_shift), character);
        }
    }
}

// The keypad and the ISO key repeat characters of the main keys, which come first.
static void the_main_keys_are_found_first(void **state)
{
    static const char *const rows[] = {"1234567890-=", "qwertyuiop[]", "asdfghjkl;'`",
                                       "\\zxcvbnm,./"};
    static const char *const shifted[] = {"!@#$%^&*()_+", "QWERTYUIOP{}", "ASDFGHJKL:\"~",
                                          "|ZXCVBNM<>?"};
    static const uint8_t first[] = {0x02, 0x10, 0x1e, 0x2b};
    (void)state;
    for (unsigned row = 0; row < ARRAY_SIZE(rows); row++) {
        for (unsigned i = 0; rows[row][i] != '\0'; i++) {
            uint8_t code = 0;
            bool shift = true;
            assert_true(us_keyboard_find(rows[row][i], &code, &shift));
            assert_int_equal(code, first[row] + i);
            assert_false(shift);
            assert_true(us_keyboard_find(shifted[row][i], &code, &shift));
            assert_int_equal(code, first[row] + i);
            assert_true(shift);
        }
    }
}

static void special_keys_are_found_by_name_and_by_code(void **state)
{
    unsigned count = 0;
    (void)state;
    for (unsigned i = 0; i < 2 * SCAN_RELEASED; i++) {
        struct scan_key code = {i % SCAN_RELEASED, i >= SCAN_RELEASED};
        const struct special_key *key = us_keyboard_by_key(code);
        if (!key) {
            continue;
        }
        count++;
        assert_int_equal(key->key.code, code.code);
        assert_int_equal(key->key.extended, code.extended);
        if (key->name) {
            assert_ptr_equal(us_keyboard_by_name(key->name), key);
        }
        // A key sends either its character or its sequence.
        char character = key->key.extended ? '\0' : us_keyboard_character(key->key.code, false);
        assert_int_equal(!!key->sequence, character == '\0');
    }
    assert_int_equal(count, 29);
}

static void what_is_no_key_is_not_found(void **state)
{
    uint8_t code;
    bool shift;
    (void)state;
    assert_false(us_keyboard_find('\0', &code, &shift));
    assert_false(us_keyboard_find('\x01', &code, &shift));
    assert_false(us_keyboard_find('\x80', &code, &shift));
    assert_null(us_keyboard_by_name(""));
    assert_null(us_keyboard_by_name("f13"));
    assert_null(us_keyboard_by_key((struct scan_key){0x48, false})); // the keypad's 8
    assert_null(us_keyboard_by_key((struct scan_key){0x5b, true}));  // a key with a logo
    assert_int_equal(us_keyboard_character(0xff, false), '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_printable_character_has_a_key),
        cmocka_unit_test(every_key_with_a_character_is_found_by_it),
        cmocka_unit_test(the_main_keys_are_found_first),
        cmocka_unit_test(special_keys_are_found_by_name_and_by_code),
        cmocka_unit_test(what_is_no_key_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
