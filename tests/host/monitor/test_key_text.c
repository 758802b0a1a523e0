// SPDX-License-Identifier: MIT
// Tests of how text becomes scan codes: what a keyboard driver makes of them is the text again.
#include "vmm/monitor/key_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/ps2_scan_codes.h"
#include "vmm/util/us_keyboard.h"

static struct key_codes codes;
static struct reason why;

// Types all of the text; what a terminal behind a keyboard driver would get.
static const char *driven(const char *text)
{
    static char bytes[256];
    struct ps2_scan_codes keys = {0};
    size_t length = 0;
    while (*text != '\0') {
        assert_int_equal(key_text_next(&text, &codes, &why), STATUS_OK);
        assert_in_range(codes.count, 2, KEY_CODES_MAX);
        for (unsigned i = 0; i < codes.count; i++) {
            length += ps2_scan_codes_decode(&keys, codes.bytes[i], bytes + length);
        }
        assert_false(keys.left_shift || keys.left_control || keys.left_alt || keys.extended);
    }
    bytes[length] = '\0';
    return bytes;
}

static void assert_codes(const char *text, const char *expected)
{
    assert_int_equal(key_text_next(&text, &codes, &why), STATUS_OK);
    assert_int_equal(codes.count, strlen(expected));
    assert_memory_equal(codes.bytes, expected, codes.count);
    assert_string_equal(text, "");
}

static void all_of_ascii_can_be_typed(void **state)
{
    char text[2] = "";
    (void)state;
    for (char character = ' '; character < 0x7f; character++) {
        if (character != '\\') {
            text[0] = character;
            assert_string_equal(driven(text), text);
        }
    }
    assert_string_equal(driven("\\\\"), "\\");
}

static void escapes_are_keys(void **state)
{
    (void)state;
    assert_string_equal(driven("Hi\\n"), "Hi\r");
    assert_string_equal(driven("\\t\\b\\e"), "\t\177\033");
}

static void keys_have_names(void **state)
{
    (void)state;
    assert_codes("\\{f10}", "\x44\xc4");
    assert_codes("\\{f12}", "\x58\xd8");
    assert_codes("\\{up}", "\xe0\x48\xe0\xc8");
    assert_codes("\\{space}", "\x39\xb9");
    assert_string_equal(driven("\\{home}\\{enter}"), "\033[H\r");
}

// Every name of the table types what the table says that the key sends.
static void a_named_key_sends_what_the_table_says(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * SCAN_RELEASED; i++) {
        struct scan_key code = {i % SCAN_RELEASED, i >= SCAN_RELEASED};
        const struct special_key *key = us_keyboard_by_key(code);
        char character[] = {us_keyboard_character(code.code, false), '\0'};
        char text[16] = "\\{";
        if (key && key->name) {
            strcat(strcat(text, key->name), "}");
            assert_string_equal(driven(text), key->sequence ? key->sequence : character);
        }
    }
}

static void keys_are_held_around_another(void **state)
{
    (void)state;
    assert_codes("\\{ctrl-alt-del}", "\x1d\x38\xe0\x53\xe0\xd3\xb8\x9d");
    assert_codes("\\{shift-a}", "\x2a\x1e\x9e\xaa");
    assert_codes("\\{A}", "\x2a\x1e\x9e\xaa");
    assert_string_equal(driven("\\{ctrl-c}x"), "\003x");
    assert_codes("\\{ctrl--}", "\x1d\x0c\x8c\x9d");
    assert_codes("\\{-}", "\x0c\x8c");
}

static void what_is_no_key_is_refused(void **state)
{
    static const char *const bad[] = {
        "\\",
        "\\q",
        "\\{",
        "\\{}",
        "\\{up",
        "\\{upp}",
        "\\{ctrl-}",
        "\\{ctrl}",
        "\\{x-y}",
        "\\{up-ctrl}",
        "\\{ctrl-ctrl-ctrl-ctrl-c}",
        "\x80",
        "\x7f",
        "\r",
        "\\{\r}",
        "\\{aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}",
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        const char *text = bad[i];
        why.text[0] = '\0';
        assert_int_equal(key_text_next(&text, &codes, &why), STATUS_INVALID);
        assert_non_null(strstr(why.text, "expected"));
        assert_ptr_equal(text, bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_ascii_can_be_typed),
        cmocka_unit_test(escapes_are_keys),
        cmocka_unit_test(keys_have_names),
        cmocka_unit_test(keys_are_held_around_another),
        cmocka_unit_test(a_named_key_sends_what_the_table_says),
        cmocka_unit_test(what_is_no_key_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
