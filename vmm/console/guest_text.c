// SPDX-License-Identifier: MIT
// Fills one piece at a time. Tabs become blanks, so each character takes one column.
#include "vmm/console/guest_text.h"

#define TAB_COLUMNS 8

void guest_text_init(struct guest_text *text, void (*show)(struct guest_text *text))
{
    text->show = show;
    text->cut = false;
    text->length = 0;
    line_filter_init(&text->filter);
}

void guest_text_flush(struct guest_text *text)
{
    text->show(text);
    text->length = 0;
    text->cut = true;
}

static void end_line(struct guest_text *text)
{
    bool rest_is_empty = text->cut && text->length == 0;
    if (!rest_is_empty) {
        guest_text_flush(text);
    }
    text->cut = false;
}

static void add_character(struct guest_text *text, char character, size_t width)
{
    size_t limit = MIN(width, GUEST_TEXT_BYTES);
    if (text->length >= limit) {
        guest_text_flush(text);
    }
    if (character != '\t') {
        text->piece[text->length++] = character;
        return;
    }
    do {
        text->piece[text->length++] = ' ';
    } while (text->length % TAB_COLUMNS != 0 && text->length < limit);
}

void guest_text_byte(struct guest_text *text, uint8_t byte, size_t width)
{
    enum line_filter_result result = line_filter_byte(&text->filter, byte, text->length == 0);
    if (result == FILTER_END || result == FILTER_END_TEXT) {
        end_line(text);
    }
    if (result == FILTER_TEXT || result == FILTER_END_TEXT) {
        add_character(text, text->filter.character, width);
    }
}

const char *guest_text_mark(const struct guest_text *text)
{
    if (text->cut) {
        return "+";
    }
    return text->length > 0 ? " " : "";
}
