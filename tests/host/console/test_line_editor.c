// SPDX-License-Identifier: MIT
// Tests of line editing: the content of the line, and what a terminal shows.
#include "vmm/console/line_editor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

// A terminal of one row. Earlier rows go to `above`, each with a '|' at its end.
struct screen {
    char row[LINE_COLUMNS + 1];
    size_t column;
    unsigned bells;
    size_t above_length;
    char above[16384];
};

static struct screen screen;
static struct line_editor editor;
static char last[LINE_MAX_LENGTH + 1]; // the last finished line
static unsigned lines;

static void screen_new_row(void)
{
    size_t end = sizeof(screen.row) - 1;
    while (end > 0 && screen.row[end - 1] == ' ') {
        end--;
    }
    assert_true(screen.above_length + end + 2 <= sizeof(screen.above));
    memcpy(screen.above + screen.above_length, screen.row, end);
    screen.above_length += end;
    screen.above[screen.above_length++] = '|';
    memset(screen.row, ' ', LINE_COLUMNS);
}

static void screen_byte(char byte)
{
    switch (byte) {
    case '\r':
        screen.column = 0;
        break;
    case '\n':
        screen_new_row();
        screen.column = 0;
        break;
    case '\b':
        assert_true(screen.column > 0);
        screen.column--;
        break;
    case '\a':
        screen.bells++;
        break;
    default:
        assert_in_range(byte, ' ', '~');
        assert_true(screen.column < LINE_COLUMNS);
        screen.row[screen.column++] = byte;
        break;
    }
}

static void echo(struct line_editor *self, const char *text, size_t length)
{
    assert_ptr_equal(self, &editor);
    for (size_t i = 0; i < length; i++) {
        if (text[i] != '\x1b') {
            screen_byte(text[i]);
        } else if (strncmp(text + i, "\x1b[K", 3) == 0) {
            memset(screen.row + screen.column, ' ', LINE_COLUMNS - screen.column);
            i += 2;
        } else {
            assert_int_equal(strncmp(text + i, "\x1b[H\x1b[2J", 7), 0);
            memset(screen.row, ' ', LINE_COLUMNS);
            screen.column = 0;
            i += 6;
        }
    }
}

static const char *complete(struct line_editor *self, size_t word, unsigned index)
{
    static const char *const commands[] = {"start", "stop", "help"};
    static const char *const names[] = {"web", "webcam"};
    assert_ptr_equal(self, &editor);
    if (word == 0) {
        return index < ARRAY_SIZE(commands) ? commands[index] : NULL;
    }
    return index < ARRAY_SIZE(names) ? names[index] : NULL;
}

static const struct line_editor_owner owner = {.echo = echo, .complete = complete};

static void type_bytes(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (line_editor_byte(&editor, (uint8_t)bytes[i]) == LINE_READY) {
            strcpy(last, editor.text);
            lines++;
            line_editor_next(&editor);
            line_editor_show(&editor);
        }
        assert_true(editor.length <= LINE_MAX_LENGTH);
        assert_true(editor.cursor <= editor.length);
        assert_int_equal(editor.text[editor.length], 0);
    }
}

static void type(const char *bytes)
{
    type_bytes(bytes, strlen(bytes));
}

// The line shown is "> " with `text`, and the cursor is `cursor` characters into it.
static void assert_shows(const char *text, size_t cursor)
{
    char row[LINE_COLUMNS + 1];
    memset(row, ' ', LINE_COLUMNS);
    row[LINE_COLUMNS] = '\0';
    memcpy(row, "> ", 2);
    memcpy(row + 2, text, strlen(text));
    assert_string_equal(screen.row, row);
    assert_int_equal(screen.column, 2 + cursor);
}

static int set_up(void **state)
{
    (void)state;
    memset(&screen, 0, sizeof(screen));
    memset(screen.row, ' ', LINE_COLUMNS);
    last[0] = '\0';
    lines = 0;
    line_editor_init(&editor, &owner, "> ");
    line_editor_show(&editor);
    return 0;
}

static void test_typing_and_enter(void **state)
{
    (void)state;
    assert_shows("", 0);
    type("help");
    assert_shows("help", 4);
    assert_int_equal(lines, 0);
    type("\r");
    assert_int_equal(lines, 1);
    assert_string_equal(last, "help");
    assert_shows("", 0);
    assert_string_equal(screen.above, "> help|");
}

static void test_each_line_end_counts_once(void **state)
{
    (void)state;
    type("a\rb\nc\r\nd\n");
    assert_int_equal(lines, 4);
    type("\r\r\n\n");
    assert_int_equal(lines, 7);
}

static void test_pasted_lines(void **state)
{
    (void)state;
    type("one\r\ntwo\r\nthr");
    assert_int_equal(lines, 2);
    assert_string_equal(last, "two");
    assert_shows("thr", 3);
}

static void test_insert_and_delete_in_the_middle(void **state)
{
    (void)state;
    type("hllo\x1b[D\x1b[D\x1b[De");
    assert_shows("hello", 2);
    type("\x1b[3~");
    assert_shows("helo", 2);
    type("\x7f");
    assert_shows("hlo", 1);
    type("\x01X\x05Y");
    assert_shows("XhloY", 5);
    type("\x1b[H\x7f\x1b[F\x1b[3~"); // nothing to delete on either side
    assert_shows("XhloY", 5);
    type("\x02\x02\x06z");
    assert_shows("XhlozY", 5);
    type("\r");
    assert_string_equal(last, "XhlozY");
}

static void test_ends_of_the_line_hold(void **state)
{
    (void)state;
    type("ab\x1b[C\x1b[C\x1b[D\x1b[D\x1b[D\x1b[Dc");
    assert_shows("cab", 1);
}

static void test_kill_keys(void **state)
{
    (void)state;
    type("one two  three\x17");
    assert_shows("one two  ", 9);
    type("\x17");
    assert_shows("one ", 4);
    type("four\x02\x02\x0b");
    assert_shows("one fo", 6);
    type("\x02\x15");
    assert_shows("o", 0);
    type("\x17\x15\x0b\x0b");
    assert_shows("", 0);
}

static void test_control_c_clears(void **state)
{
    (void)state;
    type("rubbish\x03");
    assert_int_equal(lines, 0);
    assert_shows("", 0);
    type("x\r");
    assert_string_equal(last, "x");
}

static void test_control_l_clears_the_screen(void **state)
{
    (void)state;
    type("abc\x02\x0c");
    assert_shows("abc", 2);
}

static void test_too_long_rings(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LINE_MAX_LENGTH; i++) {
        type("x");
    }
    assert_int_equal(screen.bells, 0);
    type("yz");
    assert_int_equal(screen.bells, 2);
    type("\r");
    assert_int_equal(strlen(last), LINE_MAX_LENGTH);
}

static void test_long_line_scrolls(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        type(i % 10 == 0 ? "0" : "x");
    }
    assert_memory_equal(screen.row, "> ", 2);
    assert_true(screen.column < LINE_COLUMNS);
    type("\x01");
    assert_int_equal(screen.column, 2);
    assert_memory_equal(screen.row, "> 0xxxxxxxxx0", 13);
    for (unsigned i = 0; i < 200; i++) {
        type("\x1b[C");
        assert_true(screen.column < LINE_COLUMNS);
    }
    for (unsigned i = 0; i < 200; i++) {
        type("\x7f");
    }
    assert_shows("", 0);
}

static void test_other_bytes_ring(void **state)
{
    (void)state;
    type("\xc3\xbc\x1a");
    assert_int_equal(screen.bells, 3);
    type_bytes("\0", 1);
    assert_int_equal(screen.bells, 4);
    assert_shows("", 0);
}

static void test_history(void **state)
{
    (void)state;
    type("one\rtwo\rthr");
    type("\x1b[A");
    assert_shows("two", 3);
    type("\x1b[A");
    assert_shows("one", 3);
    type("\x1b[A");
    assert_int_equal(screen.bells, 1);
    assert_shows("one", 3);
    type("\x1b[B\x1b[B");
    assert_shows("thr", 3); // the line that was being typed
    type("\x1b[B");
    assert_int_equal(screen.bells, 2);
    type("\x10\x10!\r");
    assert_string_equal(last, "one!");
    type("\x1b[A");
    assert_shows("one!", 4);
}

static void test_history_leaves_out_repeats_and_empty_lines(void **state)
{
    (void)state;
    type("one\rtwo\rtwo\r\r\r");
    type("\x1b[A\x1b[A");
    assert_shows("one", 3);
}

static void test_history_keeps_the_last_lines(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3 * LINE_HISTORY; i++) {
        char line[] = {'a' + (char)(i % 26), '0' + (char)(i / 26), '\r', '\0'};
        type(line);
    }
    for (unsigned i = 0; i < LINE_HISTORY; i++) {
        type("\x1b[A");
    }
    assert_int_equal(screen.bells, 0);
    const unsigned oldest = 2 * LINE_HISTORY;
    assert_int_equal(editor.text[0], 'a' + oldest % 26);
    type("\x1b[A");
    assert_int_equal(screen.bells, 1);
}

static void test_completion(void **state)
{
    (void)state;
    type("h\t");
    assert_shows("help ", 5);
    type("\x15s\t");
    assert_shows("st", 2);
    type("\t");
    assert_string_equal(screen.above, "> st|start  stop|");
    assert_shows("st", 2);
    type("a\tw\t");
    assert_shows("start web", 9);
    type("c\t");
    assert_shows("start webcam ", 13);
}

static void test_completion_in_the_middle_and_nowhere(void **state)
{
    (void)state;
    type("he x\x1b[D\x1b[D\t");
    assert_shows("help  x", 5);
    type("\x05\t");
    assert_int_equal(screen.bells, 1);
    assert_shows("help  x", 7);
}

static void test_completion_of_a_full_line(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LINE_MAX_LENGTH - 2; i++) {
        type(" ");
    }
    type("w\t");
    assert_int_equal(editor.length, LINE_MAX_LENGTH);
    assert_int_equal(screen.bells, 1);
}

static void test_hide_and_show(void **state)
{
    (void)state;
    type("abc\x02");
    line_editor_hide(&editor);
    echo(&editor, "output\n", 7);
    line_editor_show(&editor);
    assert_string_equal(screen.above, "output|");
    assert_shows("abc", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_typing_and_enter, set_up),
        cmocka_unit_test_setup(test_each_line_end_counts_once, set_up),
        cmocka_unit_test_setup(test_pasted_lines, set_up),
        cmocka_unit_test_setup(test_insert_and_delete_in_the_middle, set_up),
        cmocka_unit_test_setup(test_ends_of_the_line_hold, set_up),
        cmocka_unit_test_setup(test_kill_keys, set_up),
        cmocka_unit_test_setup(test_control_c_clears, set_up),
        cmocka_unit_test_setup(test_control_l_clears_the_screen, set_up),
        cmocka_unit_test_setup(test_too_long_rings, set_up),
        cmocka_unit_test_setup(test_long_line_scrolls, set_up),
        cmocka_unit_test_setup(test_other_bytes_ring, set_up),
        cmocka_unit_test_setup(test_history, set_up),
        cmocka_unit_test_setup(test_history_leaves_out_repeats_and_empty_lines, set_up),
        cmocka_unit_test_setup(test_history_keeps_the_last_lines, set_up),
        cmocka_unit_test_setup(test_completion, set_up),
        cmocka_unit_test_setup(test_completion_in_the_middle_and_nowhere, set_up),
        cmocka_unit_test_setup(test_completion_of_a_full_line, set_up),
        cmocka_unit_test_setup(test_hide_and_show, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
