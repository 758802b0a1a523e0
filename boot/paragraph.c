// SPDX-License-Identifier: MIT
// Breaks rows between words.
#include "boot/paragraph.h"

#include <stdarg.h>

#include "vmm/util/format.h"
#include "vmm/util/line_sink.h"

#define INDENT 12
#define WORDS_END (PARAGRAPH_COLUMNS - 1) // a semicolon may follow
#define ITEM_BYTES 160

static void begin_row(struct paragraph *paragraph, const char *label)
{
    format_text(paragraph->row, sizeof(paragraph->row), "%-*s", INDENT, label);
    paragraph->used = INDENT;
    paragraph->empty = true;
}

void paragraph_begin(struct paragraph *paragraph, struct line_sink *sink, const char *label)
{
    *paragraph = (struct paragraph){.sink = sink};
    begin_row(paragraph, label);
}

static void add_word(struct paragraph *paragraph, const char *word, unsigned length)
{
    unsigned space = paragraph->empty ? 0 : 1;
    if (!paragraph->empty && paragraph->used + space + length > WORDS_END) {
        paragraph->sink->line(paragraph->sink, paragraph->row);
        begin_row(paragraph, "");
        space = 0;
    }
    length = MIN(length, WORDS_END - paragraph->used);
    format_text(paragraph->row + paragraph->used, sizeof(paragraph->row) - paragraph->used,
                "%s%.*s", space ? " " : "", (int)length, word);
    paragraph->used += space + length;
    paragraph->empty = false;
}

// The semicolon follows the last word of the item before.
static void separate(struct paragraph *paragraph)
{
    if (paragraph->has_item && !paragraph->empty) {
        paragraph->row[paragraph->used++] = ';';
        paragraph->row[paragraph->used] = '\0';
    }
    paragraph->has_item = true;
}

void paragraph_add(struct paragraph *paragraph, const char *format, ...)
{
    char item[ITEM_BYTES];
    va_list arguments;
    va_start(arguments, format);
    format_text_v(item, sizeof(item), format, arguments);
    va_end(arguments);
    separate(paragraph);
    for (const char *at = item; *at != '\0';) {
        unsigned length = 0;
        while (at[length] != ' ' && at[length] != '\0') {
            length++;
        }
        if (length > 0) {
            add_word(paragraph, at, length);
        }
        at += length + (at[length] == ' ' ? 1 : 0);
    }
}

void paragraph_end(struct paragraph *paragraph)
{
    if (paragraph->has_item) {
        paragraph->sink->line(paragraph->sink, paragraph->row);
    }
}
