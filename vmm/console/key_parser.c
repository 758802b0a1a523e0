// SPDX-License-Identifier: MIT
// A small state machine over ESC [ n ; m X and ESC O X (ECMA-48 5.4; xterm's cursor keys).
#include "vmm/console/key_parser.h"

#define NUMBER_MAX 100

void key_parser_init(struct key_parser *parser)
{
    parser->state = KEYS_PLAIN;
    parser->number = 0;
    parser->more_numbers = false;
}

static unsigned plain_key(struct key_parser *parser, uint8_t byte)
{
    if (byte == KEY_ESCAPE) {
        parser->state = KEYS_ESCAPE;
        return KEY_NONE;
    }
    parser->state = KEYS_PLAIN;
    return byte == '\b' ? KEY_BACKSPACE : byte;
}

static unsigned after_escape(struct key_parser *parser, uint8_t byte)
{
    if (byte == '[' || byte == 'O') {
        parser->state = KEYS_SEQUENCE;
        parser->number = 0;
        parser->more_numbers = false;
        return KEY_NONE;
    }
    if (byte < ' ') {
        return plain_key(parser, byte);
    }
    parser->state = KEYS_PLAIN; // Alt with a key has no meaning here
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

static unsigned in_sequence(struct key_parser *parser, uint8_t byte)
{
    if (byte < ' ' || byte > '~') {
        return plain_key(parser, byte); // the sequence was cut off
    }
    if (byte >= '@') {
        parser->state = KEYS_PLAIN;
        return final_key(parser, byte);
    }
    if (byte == ';') {
        parser->more_numbers = true;
    } else if (byte >= '0' && byte <= '9' && !parser->more_numbers) {
        parser->number = MIN(parser->number * 10 + byte - '0', NUMBER_MAX);
    }
    return KEY_NONE;
}

unsigned key_parser_byte(struct key_parser *parser, uint8_t byte)
{
    switch (parser->state) {
    case KEYS_ESCAPE:
        return after_escape(parser, byte);
    case KEYS_SEQUENCE:
        return in_sequence(parser, byte);
    case KEYS_PLAIN:
    default:
        return plain_key(parser, byte);
    }
}
