// SPDX-License-Identifier: MIT
// Splits a command line into words, and words into keys and values. Undoes GRUB's quoting.
#include "vmm/config/config_words.h"

#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_character(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_' || c == '.';
}

// Splits at the first '=' in place.
static void split_word(struct config_word *word)
{
    word->value = NULL;
    for (char *c = word->text; *c != '\0'; c++) {
        if (*c == '=') {
            *c = '\0';
            word->value = c + 1;
            return;
        }
    }
}

bool config_next_word(const char **line, struct config_word *word)
{
    const char *c = *line;
    size_t length = 0;
    bool quoted = false;
    while (is_space(*c)) {
        c++;
    }
    *line = c;
    if (*c == '\0') {
        return false;
    }
    word->cut = false;
    for (; *c != '\0' && (quoted || !is_space(*c)); c++) {
        if (*c == '"') {
            quoted = !quoted;
            continue;
        }
        if (*c == '\\' && c[1] != '\0') {
            c++;
        }
        if (length < CONFIG_WORD_MAX - 1) {
            word->text[length++] = *c;
        } else {
            word->cut = true;
        }
    }
    word->text[length] = '\0';
    *line = c;
    split_word(word);
    return true;
}

bool config_parse_name(const char *text, size_t length, char *name, size_t size)
{
    if (length == 0 || length >= size) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (!is_name_character(text[i])) {
            return false;
        }
        name[i] = text[i];
    }
    name[length] = '\0';
    return true;
}

bool config_word_is_path(const struct config_word *word)
{
    if (word->value) {
        return false;
    }
    for (const char *c = word->text; *c != '\0'; c++) {
        if (*c == '/') {
            return true;
        }
    }
    return false;
}

bool config_word_is_end(const struct config_word *word)
{
    return !word->value && text_equal(word->text, "--");
}

enum status config_note_key(const struct config_word *word, unsigned key, unsigned *seen,
                            struct reason *why)
{
    if (*seen & BIT(key)) {
        return refuse(why, STATUS_INVALID, "%s=%.24s: %s= is given twice", word->text, word->value,
                      word->text);
    }
    *seen |= (unsigned)BIT(key);
    return STATUS_OK;
}

bool config_next_item(const char **list, struct config_item *item)
{
    if (!*list) {
        return false;
    }
    const char *end = *list;
    while (*end != '\0' && *end != ',') {
        end++;
    }
    *item = (struct config_item){.text = *list, .length = (size_t)(end - *list)};
    *list = *end == ',' ? end + 1 : NULL;
    return true;
}

bool config_item_is(struct config_item item, const char *word)
{
    return item.length == strlen(word) && memcmp(item.text, word, item.length) == 0;
}

enum status config_refuse_word(const struct config_word *word, const char *known,
                               struct reason *why)
{
    if (word->cut) {
        return refuse(why, STATUS_RANGE, "%.24s...: longer than %d bytes", word->text,
                      CONFIG_WORD_MAX - 1);
    }
    return refuse(why, STATUS_INVALID, "%.24s%s: unknown, known are %s", word->text,
                  word->value ? "=" : "", known);
}
