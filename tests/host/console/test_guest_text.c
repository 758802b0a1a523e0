// SPDX-License-Identifier: MIT
// Tests of the pieces into which a guest's text is cut.
#include "vmm/console/guest_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct guest_text text;
static char shown[1000];

static void show(struct guest_text *guest_text)
{
    char piece[GUEST_TEXT_BYTES + 4];
    snprintf(piece, sizeof(piece), "|%s%.*s\n", guest_text_mark(guest_text),
             (int)guest_text->length, guest_text->piece);
    assert_true(strlen(shown) + strlen(piece) < sizeof(shown));
    strcat(shown, piece);
}

static int set_up(void **state)
{
    (void)state;
    shown[0] = '\0';
    guest_text_init(&text, show);
    return 0;
}

static void send(const char *bytes, size_t width)
{
    for (; *bytes != '\0'; bytes++) {
        guest_text_byte(&text, (uint8_t)*bytes, width);
    }
}

static void lines_are_pieces(void **state)
{
    (void)state;
    send("one\n\ntwo\r\n10%\r20%\nrest", 10);
    assert_string_equal(shown, "| one\n|\n| two\n| 10%\n| 20%\n");
}

static void long_lines_are_continued(void **state)
{
    (void)state;
    send("abcdefghij\n", 4);
    assert_string_equal(shown, "| abcd\n|+efgh\n|+ij\n");
    set_up(state);
    send("abcd\nx\n", 4); // it just fits
    assert_string_equal(shown, "| abcd\n| x\n");
}

static void tabs_stay_within_the_piece(void **state)
{
    (void)state;
    send("a\tb\t\tc\n", 12);
    assert_string_equal(shown, "| a       b   \n|+        c\n");
}

static void a_flushed_line_goes_on(void **state)
{
    (void)state;
    send("login: ", 20);
    guest_text_flush(&text);
    send("\nnext\n", 20);
    assert_string_equal(shown, "| login: \n| next\n");
    set_up(state);
    send("login: ", 20);
    guest_text_flush(&text);
    send("root\n", 20);
    assert_string_equal(shown, "| login: \n|+root\n");
}

static void no_piece_is_longer_than_its_buffer(void **state)
{
    (void)state;
    for (unsigned i = 0; i < GUEST_TEXT_BYTES / 10; i++) {
        send("0123456789\t", SIZE_MAX);
    }
    assert_int_equal(strcspn(shown, "\n"), GUEST_TEXT_BYTES + 2);
}

#define TEST(function) cmocka_unit_test_setup(function, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lines_are_pieces),
        TEST(long_lines_are_continued),
        TEST(tabs_stay_within_the_piece),
        TEST(a_flushed_line_goes_on),
        TEST(no_piece_is_longer_than_its_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
