// SPDX-License-Identifier: MIT
// A small state machine over ESC [ n ; m X and ESC O X (ECMA-48 5.4; xterm's cursor keys).
#include "vmm/console/key_parser.h"

#define NUMBER_MAX 100

#define BELL 0x07
#define CANCEL 0x18
#define CTRL_C 0x03
#define MOUSE_BYTES 3 // xterm: button, column, row

// The one-byte forms of ESC O, ESC [ and so on (ECMA-48 5.3 b).
#define C1_FIRST 0x80
#define C1_LAST 0x9f
#define C1_STRING_END 0x9c
#define C1_TO_ESCAPE 0x40 // the byte after ESC is less by this

void key_parser_init(struct key_parser *parser)
{
    *parser = (struct key_parser){.state = KEYS_PLAIN};
}

static void start_sequence(struct key_parser *parser, enum key_parser_state state)
{
    parser->state = state;
    parser->number = 0;
    parser->more_numbers = false;
    parser->bare = true;
}

// The byte after ESC, if it is not a control character.
static unsigned introduce(struct key_parser *parser, uint8_t byte)
{
    switch (byte) {
    case '[':
        start_sequence(parser, KEYS_SEQUENCE);
        break;
    case 'O':
        start_sequence(parser, KEYS_SINGLE);
        break;
    case ']': // OSC
    case 'P': // DCS
    case 'X': // SOS
    case '^': // PM
    case '_': // APC
        parser->state = KEYS_STRING;
        break;
    default: // Alt with a key has no meaning here
        parser->state = byte < '0' ? KEYS_ESCAPE : KEYS_PLAIN;
        break;
    }
    return KEY_NONE;
}

static unsigned plain_key(struct key_parser *parser, uint8_t byte)
{
    if (byte == KEY_ESCAPE) {
        parser->state = KEYS_ESCAPE;
        return KEY_NONE;
    }
    if (byte >= C1_FIRST && byte <= C1_LAST && !parser->in_character) {
        return introduce(parser, byte - C1_TO_ESCAPE);
    }
    parser->state = KEYS_PLAIN;
    return byte == '\b' ? KEY_BACKSPACE : byte;
}

static unsigned after_escape(struct key_parser *parser, uint8_t byte)
{
    return byte < ' ' ? plain_key(parser, byte) : introduce(parser, byte);
}

// A carriage return does not end a string: what follows it would be a command.
static unsigned in_string(struct key_parser *parser, uint8_t byte)
{
    if (byte == KEY_ESCAPE) {
        parser->state = KEYS_ESCAPE;
    } else if (byte == BELL || byte == CANCEL || byte == CTRL_C ||
               (byte == C1_STRING_END && !parser->in_character)) {
        parser->state = KEYS_PLAIN;
    }
    return KEY_NONE;
}

static unsigned in_mouse_report(struct key_parser *parser, uint8_t byte)
{
    if (byte < ' ') {
        return plain_key(parser, byte); // the report was cut off
    }
    parser->state = --parser->mouse_left > 0 ? KEYS_MOUSE : KEYS_PLAIN;
    return KEY_NONE;
}

// ESC [ n ~
static unsigned numbered_key(unsigned number)
{
    switch (number) {
    case 1:
    case 7:
        return KEY_HOME;
    case 3:
        return KEY_DELETE;
    case 4:
    case 8:
        return KEY_END;
    default:
        return KEY_NONE;
    }
}

static unsigned final_key(const struct key_parser *parser, uint8_t final)
{
    switch (final) {
    case 'A':
        return KEY_UP;
    case 'B':
        return KEY_DOWN;
    case 'C':
        return KEY_RIGHT;
    case 'D':
        return KEY_LEFT;
    case 'H':
        return KEY_HOME;
    case 'F':
        return KEY_END;
    case '~':
        return numbered_key(parser->number);
    default:
        return KEY_NONE;
    }
}

static unsigned end_sequence(struct key_parser *parser, uint8_t final)
{
    bool mouse = parser->state == KEYS_SEQUENCE && parser->bare && final == 'M';
    parser->state = mouse ? KEYS_MOUSE : KEYS_PLAIN;
    parser->mouse_left = MOUSE_BYTES;
    return mouse ? KEY_NONE : final_key(parser, final);
}

static unsigned in_sequence(struct key_parser *parser, uint8_t byte)
{
    if (byte < ' ' || byte > '~') {
        return plain_key(parser, byte); // the sequence was cut off
    }
    if (byte >= '@') {
        return end_sequence(parser, byte);
    }
    parser->bare = false;
    if (byte == ';') {
        parser->more_numbers = true;
    } else if (byte >= '0' && byte <= '9' && !parser->more_numbers) {
        parser->number = MIN(parser->number * 10 + byte - '0', NUMBER_MAX);
    }
    return KEY_NONE;
}

static unsigned next_key(struct key_parser *parser, uint8_t byte)
{
    switch (parser->state) {
    case KEYS_ESCAPE:
        return after_escape(parser, byte);
    case KEYS_SEQUENCE:
    case KEYS_SINGLE:
        return in_sequence(parser, byte);
    case KEYS_STRING:
        return in_string(parser, byte);
    case KEYS_MOUSE:
        return in_mouse_report(parser, byte);
    case KEYS_PLAIN:
    default:
        return plain_key(parser, byte);
    }
}

unsigned key_parser_byte(struct key_parser *parser, uint8_t byte)
{
    unsigned key = next_key(parser, byte);
    parser->in_character = byte >= C1_FIRST;
    return key;
}
