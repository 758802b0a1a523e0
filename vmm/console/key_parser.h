// SPDX-License-Identifier: MIT
// Typed bytes into keys: control characters and the ANSI sequences of the cursor keys.
#pragma once

#include "vmm/util/types.h"

// Values below 0x100 are the byte itself, printable or control character.
enum key {
    KEY_NONE = 0x100, // in the middle of a sequence, or one that means nothing here
    KEY_UP,
    KEY_DOWN,
    KEY_LEFT,
    KEY_RIGHT,
    KEY_HOME,
    KEY_END,
    KEY_DELETE,
};

#define KEY_CTRL(letter) ((letter)&0x1f)
#define KEY_ESCAPE 0x1b
#define KEY_BACKSPACE 0x7f

enum key_parser_state { KEYS_PLAIN, KEYS_ESCAPE, KEYS_SEQUENCE };

struct key_parser {
    enum key_parser_state state;
    unsigned number; // first parameter of the sequence
    bool more_numbers;
};

void key_parser_init(struct key_parser *parser);

// The key that this byte completes: a byte, a KEY_* value, or KEY_NONE.
unsigned key_parser_byte(struct key_parser *parser, uint8_t byte);
