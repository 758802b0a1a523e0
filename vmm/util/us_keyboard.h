// SPDX-License-Identifier: MIT
// The keys of a PC keyboard with the US layout: their scan codes (set 1), characters and names.
#pragma once

#include "vmm/util/types.h"

// A key that is let go sends its code with SCAN_RELEASED. SCAN_EXTENDED comes before the codes of
// the keys that the first PC did not have.
#define SCAN_RELEASED BIT(7)
#define SCAN_EXTENDED 0xe0

#define SCAN_CONTROL 0x1d
#define SCAN_LEFT_SHIFT 0x2a
#define SCAN_RIGHT_SHIFT 0x36
#define SCAN_ALT 0x38
#define SCAN_CAPS_LOCK 0x3a

struct scan_key {
    uint8_t code;
    bool extended;
};

// A key that has a name, or sends a terminal more than a character.
struct special_key {
    struct scan_key key;
    const char *name;     // NULL: it has none
    const char *sequence; // as xterm sends it; NULL: the key has a character
};

// What the key sends a terminal, such as \r for Enter and DEL for Backspace; NUL: no character.
// Extended keys have no characters.
char us_keyboard_character(uint8_t code, bool shift);

// The first key that has this character, with Shift or without it; false: there is none.
bool us_keyboard_find(char character, uint8_t *code, bool *shift);

const struct special_key *us_keyboard_by_name(const char *name); // NULL: there is none
const struct special_key *us_keyboard_by_key(struct scan_key key);
