// SPDX-License-Identifier: MIT
// Tests of the rows into which items are filled.
#include "boot/paragraph.h"
#include "vmm/util/line_sink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define INDENT "            "

static char shown[1000];
static struct paragraph paragraph;

static void show(struct line_sink *sink, const char *text)
{
    (void)sink;
    assert_true(strlen(text) <= PARAGRAPH_COLUMNS);
    assert_true(strlen(shown) + strlen(text) + 2 < sizeof(shown));
    strcat(strcat(shown, text), "\n");
}

static struct line_sink sink = {.line = show};

static int set_up(void **state)
{
    (void)state;
    shown[0] = '\0';
    paragraph_begin(&paragraph, &sink, "label");
    return 0;
}

static void assert_shows(const char *rows)
{
    paragraph_end(&paragraph);
    assert_string_equal(shown, rows);
}

static void without_items_nothing_is_shown(void **state)
{
    (void)state;
    assert_shows("");
}

static void items_are_separated(void **state)
{
    (void)state;
    paragraph_add(&paragraph, "%u CPUs", 4u);
    paragraph_add(&paragraph, "%s", "one  more ");
    paragraph_add(&paragraph, "end");
    assert_shows("label       4 CPUs; one more; end\n");
}

// A row ends in column 79, with the semicolon.
static void rows_break_between_words(void **state)
{
    char word[79 - 12];
    (void)state;
    memset(word, 'w', sizeof(word));
    word[sizeof(word) - 1] = '\0';
    paragraph_add(&paragraph, "%s", word);
    paragraph_add(&paragraph, "two words");
    char rows[200] = "label       ";
    assert_shows(strcat(strcat(rows, word), ";\n" INDENT "two words\n"));
}

static void a_longer_word_is_cut(void **state)
{
    char word[100];
    char rows[200] = "label       ";
    (void)state;
    memset(word, 'w', sizeof(word));
    word[sizeof(word) - 1] = '\0';
    paragraph_add(&paragraph, "%s", word);
    paragraph_add(&paragraph, "next");
    word[79 - 12 - 1] = '\0';
    assert_shows(strcat(strcat(rows, word), ";\n" INDENT "next\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_items_nothing_is_shown, set_up),
        cmocka_unit_test_setup(items_are_separated, set_up),
        cmocka_unit_test_setup(rows_break_between_words, set_up),
        cmocka_unit_test_setup(a_longer_word_is_cut, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
