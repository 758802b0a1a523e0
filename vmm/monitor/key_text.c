// SPDX-License-Identifier: MIT
// Finds the scan codes of characters and of keys by their names.
#include "vmm/monitor/key_text.h"

#include "vmm/util/string.h"
#include "vmm/util/us_keyboard.h"

#define NAME_BYTES 16

// A key to press, and whether Shift is held for it.
struct stroke {
    struct scan_key key;
    bool shift;
};

struct held_key {
    const char *name;
    struct scan_key key;
};

static const struct held_key held[] = {
    {"ctrl", {.code = SCAN_CONTROL}},
    {"alt", {.code = SCAN_ALT}},
    {"shift", {.code = SCAN_LEFT_SHIFT}},
};

static void append(struct key_codes *codes, uint8_t byte)
{
    codes->bytes[codes->count++] = byte;
}

static void press(struct key_codes *codes, const struct scan_key *key, uint8_t released)
{
    if (key->extended) {
        append(codes, SCAN_EXTENDED);
    }
    append(codes, key->code | released);
}

static bool find_character(char character, struct stroke *stroke)
{
    *stroke = (struct stroke){0};
    return us_keyboard_find(character, &stroke->key.code, &stroke->shift);
}

// A character that is written as itself.
static bool find_printable(char character, struct stroke *stroke)
{
    return character >= ' ' && character <= '~' && find_character(character, stroke);
}

static bool find_special(const char *name, struct stroke *stroke)
{
    const struct special_key *special = us_keyboard_by_name(name);
    if (!special) {
        return false;
    }
    *stroke = (struct stroke){.key = special->key};
    return true;
}

static bool find_held(const char *name, struct scan_key *key)
{
    for (unsigned i = 0; i < ARRAY_SIZE(held); i++) {
        if (text_equal(held[i].name, name)) {
            *key = held[i].key;
            return true;
        }
    }
    return false;
}

// Presses the key and lets it go, with Shift around it where it needs that.
static void strike(struct key_codes *codes, const struct stroke *stroke)
{
    if (stroke->shift) {
        append(codes, SCAN_LEFT_SHIFT);
    }
    press(codes, &stroke->key, 0);
    press(codes, &stroke->key, SCAN_RELEASED);
    if (stroke->shift) {
        append(codes, SCAN_LEFT_SHIFT | SCAN_RELEASED);
    }
}

// Copies the text before the next '-', or before `end` if no '-' separates two parts. Returns where
// the next part begins. A '-' at the start or at the end of the text is a key itself.
static const char *next_part(const char *at, const char *end, char part[NAME_BYTES])
{
    size_t length = 0;
    while (at < end && (*at != '-' || length == 0 || at + 1 == end) && length < NAME_BYTES - 1) {
        part[length++] = *at++;
    }
    part[length] = '\0';
    return at < end && *at == '-' ? at + 1 : at;
}

// Takes what is between the braces. All parts but the last are keys to hold meanwhile.
static bool strike_named(const char *at, const char *end, struct key_codes *codes)
{
    struct scan_key down[ARRAY_SIZE(held)];
    struct stroke last;
    char part[NAME_BYTES];
    unsigned count = 0;
    at = next_part(at, end, part);
    while (at < end && count < ARRAY_SIZE(held) && find_held(part, &down[count])) {
        press(codes, &down[count++], 0);
        at = next_part(at, end, part);
    }
    bool one = part[0] != '\0' && part[1] == '\0';
    if (at != end || !(one ? find_printable(part[0], &last) : find_special(part, &last))) {
        return false;
    }
    strike(codes, &last);
    while (count-- > 0) {
        press(codes, &down[count], SCAN_RELEASED);
    }
    return true;
}

static enum status named_key_next(const char **text, struct key_codes *codes, struct reason *why)
{
    const char *start = *text + 2; // after the brace
    const char *end = start;
    while (*end != '\0' && *end != '}') {
        end++;
    }
    if (*end == '\0' || !strike_named(start, end, codes)) {
        return refuse(why, STATUS_INVALID,
                      "'%.24s' is no key; expected one such as \\{f10}, \\{up} or \\{ctrl-alt-del}",
                      *text);
    }
    *text = end + 1;
    return STATUS_OK;
}

// The character that the key of an escape such as \n sends; NUL: there is no such escape.
static char escaped(char letter)
{
    static const char letters[] = "ntbe\\";
    static const char characters[] = "\r\t\177\033\\";
    for (unsigned i = 0; letters[i] != '\0'; i++) {
        if (letters[i] == letter) {
            return characters[i];
        }
    }
    return '\0';
}

enum status key_text_next(const char **text, struct key_codes *codes, struct reason *why)
{
    bool escape = **text == '\\';
    struct stroke stroke;
    codes->count = 0;
    if (escape && (*text)[1] == '{') {
        return named_key_next(text, codes, why);
    }
    bool found =
        escape ? find_character(escaped((*text)[1]), &stroke) : find_printable(**text, &stroke);
    if (!found) {
        return refuse(why, STATUS_INVALID,
                      "nothing types '%.*s'; expected ASCII, \\n \\t \\b \\e \\\\ or \\{KEY}",
                      escape && (*text)[1] != '\0' ? 2 : 1, *text);
    }
    strike(codes, &stroke);
    *text += escape ? 2 : 1;
    return STATUS_OK;
}
