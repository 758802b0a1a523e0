// SPDX-License-Identifier: MIT
// The table of the US layout, and searches in both directions.
#include "vmm/util/us_keyboard.h"

#include "vmm/util/string.h"

// By scan code. NUL: not a character.
static const char plain[] = {
    "\0\x1b"
    "1234567890-=\x7f"
    "\tqwertyuiop[]\r"
    "\0asdfghjkl;'`"
    "\0\\zxcvbnm,./\0"
    "*\0 \0"
    "\0\0\0\0\0\0\0\0\0\0\0\0" // F1 to F10, Num Lock, Scroll Lock
    "789-456+1230."
    "\0\0\\", // 0x56: the key that only ISO keyboards have
};

static const char shifted[] = {
    "\0\x1b"
    "!@#$%^&*()_+\x7f"
    "\tQWERTYUIOP{}\r"
    "\0ASDFGHJKL:\"~"
    "\0|ZXCVBNM<>?\0"
    "*\0 \0"
    "\0\0\0\0\0\0\0\0\0\0\0\0"
    "789-456+1230."
    "\0\0|",
};

static_assert(sizeof(plain) == 0x56 + 2 && sizeof(shifted) == sizeof(plain),
              "codes 0 to 0x56 and the final NUL");

static const struct special_key special_keys[] = {
    {{0x01, false}, "esc", NULL},       {{0x0e, false}, "backspace", NULL},
    {{0x0f, false}, "tab", NULL},       {{0x1c, false}, "enter", NULL},
    {{0x39, false}, "space", NULL},     {{0x3b, false}, "f1", "\x1bOP"},
    {{0x3c, false}, "f2", "\x1bOQ"},    {{0x3d, false}, "f3", "\x1bOR"},
    {{0x3e, false}, "f4", "\x1bOS"},    {{0x3f, false}, "f5", "\x1b[15~"},
    {{0x40, false}, "f6", "\x1b[17~"},  {{0x41, false}, "f7", "\x1b[18~"},
    {{0x42, false}, "f8", "\x1b[19~"},  {{0x43, false}, "f9", "\x1b[20~"},
    {{0x44, false}, "f10", "\x1b[21~"}, {{0x57, false}, "f11", "\x1b[23~"},
    {{0x58, false}, "f12", "\x1b[24~"}, {{0x1c, true}, NULL, "\r"}, // the keypad's Enter
    {{0x35, true}, NULL, "/"},                                      // the keypad's /
    {{0x47, true}, "home", "\x1b[H"},   {{0x48, true}, "up", "\x1b[A"},
    {{0x49, true}, "pgup", "\x1b[5~"},  {{0x4b, true}, "left", "\x1b[D"},
    {{0x4d, true}, "right", "\x1b[C"},  {{0x4f, true}, "end", "\x1b[F"},
    {{0x50, true}, "down", "\x1b[B"},   {{0x51, true}, "pgdn", "\x1b[6~"},
    {{0x52, true}, "ins", "\x1b[2~"},   {{0x53, true}, "del", "\x1b[3~"},
};

char us_keyboard_character(uint8_t code, bool shift)
{
    if (code >= sizeof(plain)) {
        return '\0';
    }
    return shift ? shifted[code] : plain[code];
}

bool us_keyboard_find(char character, uint8_t *code, bool *shift)
{
    for (uint8_t at = 0; character != '\0' && at < sizeof(plain); at++) {
        if (plain[at] == character || shifted[at] == character) {
            *code = at;
            *shift = plain[at] != character;
            return true;
        }
    }
    return false;
}

const struct special_key *us_keyboard_by_name(const char *name)
{
    for (unsigned i = 0; i < ARRAY_SIZE(special_keys); i++) {
        if (special_keys[i].name && text_equal(special_keys[i].name, name)) {
            return &special_keys[i];
        }
    }
    return NULL;
}

const struct special_key *us_keyboard_by_key(struct scan_key key)
{
    for (unsigned i = 0; i < ARRAY_SIZE(special_keys); i++) {
        const struct scan_key *at = &special_keys[i].key;
        if (at->code == key.code && at->extended == key.extended) {
            return &special_keys[i];
        }
    }
    return NULL;
}
