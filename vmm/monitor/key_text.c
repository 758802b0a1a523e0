// SPDX-License-Identifier: MIT
// Finds the scan codes of characters and of keys by their names.
#include "vmm/monitor/key_text.h"

#include "vmm/util/string.h"

#define RELEASE 0x80
#define EXTENDED 0xe0
#define CODE_SPACE 0x39
#define CODE_SHIFT 0x2a
#define NAME_BYTES 16

// By scan code, from 0 on; 0: not a character.
static const char plain[] = "\0\0331234567890-=\b\tqwertyuiop[]\n\0asdfghjkl;'`\0\\zxcvbnm,./";
static const char shifted[] = "\0\0!@#$%^&*()_+\0\0QWERTYUIOP{}\0\0ASDFGHJKL:\"~\0|ZXCVBNM<>?";
static_assert(sizeof(plain) == 0x36 + 1 && sizeof(shifted) == sizeof(plain), "codes to 0x35");

struct key {
    uint8_t code;
    bool extended;
    bool shift;
};

struct named_key {
    const char *name;
    uint8_t code;
    bool extended;
};

static const struct named_key held[] = {
    {"ctrl", 0x1d, false}, {"alt", 0x38, false}, {"shift", CODE_SHIFT, false}};
static const struct named_key named[] = {
    {"enter", 0x1c, false}, {"esc", 0x01, false}, {"tab", 0x0f, false}, {"backspace", 0x0e, false},
    {"space", 0x39, false}, {"up", 0x48, true},   {"down", 0x50, true}, {"left", 0x4b, true},
    {"right", 0x4d, true},  {"home", 0x47, true}, {"end", 0x4f, true},  {"pgup", 0x49, true},
    {"pgdn", 0x51, true},   {"ins", 0x52, true},  {"del", 0x53, true},  {"f1", 0x3b, false},
    {"f2", 0x3c, false},    {"f3", 0x3d, false},  {"f4", 0x3e, false},  {"f5", 0x3f, false},
    {"f6", 0x40, false},    {"f7", 0x41, false},  {"f8", 0x42, false},  {"f9", 0x43, false},
    {"f10", 0x44, false},   {"f11", 0x57, false}, {"f12", 0x58, false},
};

static void append(struct key_codes *codes, uint8_t byte)
{
    codes->bytes[codes->count++] = byte;
}

static void press(struct key_codes *codes, const struct key *key, uint8_t release)
{
    if (key->extended) {
        append(codes, EXTENDED);
    }
    append(codes, key->code | release);
}

static bool find_character(char character, struct key *key)
{
    if (character == ' ') {
        *key = (struct key){.code = CODE_SPACE};
        return true;
    }
    for (uint8_t code = 1; character != '\0' && code < sizeof(plain) - 1; code++) {
        if (plain[code] == character || shifted[code] == character) {
            *key = (struct key){.code = code, .shift = plain[code] != character};
            return true;
        }
    }
    return false;
}

static bool find_name(const struct named_key *keys, size_t count, const char *name, struct key *key)
{
    for (size_t i = 0; i < count; i++) {
        if (text_equal(keys[i].name, name)) {
            *key = (struct key){.code = keys[i].code, .extended = keys[i].extended};
            return true;
        }
    }
    return false;
}

// The key, with Shift around it where it needs that.
static void strike(struct key_codes *codes, const struct key *key)
{
    if (key->shift) {
        append(codes, CODE_SHIFT);
    }
    press(codes, key, 0);
    press(codes, key, RELEASE);
    if (key->shift) {
        append(codes, CODE_SHIFT | RELEASE);
    }
}

// Copies up to a '-' that something follows, or to the end; returns where to go on.
static const char *next_part(const char *at, const char *end, char part[NAME_BYTES])
{
    size_t length = 0;

    while (at < end && (*at != '-' || length == 0 || at + 1 == end) && length < NAME_BYTES - 1) {
        part[length++] = *at++;
    }
    part[length] = '\0';
    return at < end && *at == '-' ? at + 1 : at;
}

// What is between the braces. All but the last part are keys that are held meanwhile.
static bool strike_named(const char *at, const char *end, struct key_codes *codes)
{
    struct key keys[ARRAY_SIZE(held) + 1];
    char part[NAME_BYTES];
    unsigned count = 0;

    at = next_part(at, end, part);
    while (at < end && count < ARRAY_SIZE(held) &&
           find_name(held, ARRAY_SIZE(held), part, &keys[count])) {
        press(codes, &keys[count++], 0);
        at = next_part(at, end, part);
    }
    bool one = part[0] != '\0' && part[1] == '\0';
    if (at != end || !(one ? find_character(part[0], &keys[count])
                           : find_name(named, ARRAY_SIZE(named), part, &keys[count]))) {
        return false;
    }
    strike(codes, &keys[count]);
    while (count-- > 0) {
        press(codes, &keys[count], RELEASE);
    }
    return true;
}

static enum status named_key_next(const char **text, struct key_codes *codes, struct reason *why)
{
    const char *start = *text + 2; // behind the brace
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

static char escaped(char letter)
{
    static const char letters[] = "ntbe\\";
    static const char characters[] = "\n\t\b\033\\";

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
    struct key key;

    codes->count = 0;
    if (escape && (*text)[1] == '{') {
        return named_key_next(text, codes, why);
    }
    if (!find_character(escape ? escaped((*text)[1]) : **text, &key)) {
        return refuse(why, STATUS_INVALID,
                      "nothing types '%.*s'; expected ASCII, \\n \\t \\b \\e \\\\ or \\{KEY}",
                      escape && (*text)[1] != '\0' ? 2 : 1, *text);
    }
    strike(codes, &key);
    *text += escape ? 2 : 1;
    return STATUS_OK;
}
