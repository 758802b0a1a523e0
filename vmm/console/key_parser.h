// SPDX-License-Identifier: MIT
// Turns typed bytes into keys: characters, control characters, and the sequences of cursor keys.
// What a terminal sends by itself (answers to questions, mouse reports, pasting marks) is no key.
#pragma once

#include "vmm/util/types.h"

// A value below 0x100 is the byte itself: a printable or a control character.
enum key {
    KEY_NONE = 0x100, // a sequence goes on, or it has no meaning here
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

enum key_parser_state {
    KEYS_PLAIN,
    KEYS_ESCAPE,   // ESC and intermediate bytes
    KEYS_SEQUENCE, // ESC [ ... up to a letter
    KEYS_SINGLE,   // ESC O: one letter more, or numbers before it
    KEYS_STRING,   // ESC ], ESC P and the like, up to BEL or the next ESC
    KEYS_MOUSE,    // ESC [ M: three bytes more
};

struct key_parser {
    enum key_parser_state state;
    unsigned number; // first parameter of the sequence
    bool more_numbers;
    bool bare;           // the sequence has nothing but its first bytes so far
    unsigned mouse_left; // bytes of a mouse report that are still to come
    bool in_character;   // the last byte belongs to a character outside ASCII
};

void key_parser_init(struct key_parser *parser);

// The key that this byte completes: a byte, a KEY_* value, or KEY_NONE.
unsigned key_parser_byte(struct key_parser *parser, uint8_t byte);
