// SPDX-License-Identifier: MIT
// Drops control characters and escape sequences (ECMA-48 5.3 to 5.6) and finds the ends of lines.
#include "vmm/console/line_filter.h"

#define BELL 0x07
#define ESCAPE 0x1b

void line_filter_init(struct line_filter *filter)
{
    filter->state = FILTER_PLAIN;
    filter->after_cr = false;
    filter->character = 0;
}

static enum line_filter_state after_escape(uint8_t byte)
{
    switch (byte) {
    case '[':
        return FILTER_SEQUENCE;
    case ']': // OSC
    case 'P': // DCS
    case 'X': // SOS
    case '^': // PM
    case '_': // APC
        return FILTER_STRING;
    default:
        return byte >= ' ' && byte < '0' ? FILTER_ESCAPE : FILTER_PLAIN;
    }
}

static enum line_filter_state next_state(enum line_filter_state state, uint8_t byte)
{
    if (byte == ESCAPE) {
        return FILTER_ESCAPE;
    }
    switch (state) {
    case FILTER_ESCAPE:
        return after_escape(byte);
    case FILTER_SEQUENCE:
        return byte >= ' ' && byte < '@' ? FILTER_SEQUENCE : FILTER_PLAIN;
    case FILTER_STRING:
        return byte == BELL ? FILTER_PLAIN : FILTER_STRING;
    case FILTER_PLAIN:
    default:
        return FILTER_PLAIN;
    }
}

// Whether this byte shows something. The first byte of a character outside ASCII shows a '?', its
// other bytes show nothing.
static bool shows(struct line_filter *filter, uint8_t byte)
{
    bool plain = filter->state == FILTER_PLAIN;
    filter->state = next_state(filter->state, byte);
    if (!plain) {
        return false;
    }
    filter->character = byte < 0x80 ? (char)byte : '?';
    return byte == '\t' || (byte >= ' ' && byte <= '~') || byte >= 0xc0;
}

enum line_filter_result line_filter_byte(struct line_filter *filter, uint8_t byte, bool line_empty)
{
    if (byte == '\n' || byte == '\r') {
        filter->state = FILTER_PLAIN;
        filter->after_cr = byte == '\r';
        return byte == '\n' ? FILTER_END : FILTER_NOTHING;
    }

    bool ended = filter->after_cr && !line_empty;
    bool shown = shows(filter, byte);
    filter->after_cr = false;
    if (shown) {
        return ended ? FILTER_END_TEXT : FILTER_TEXT;
    }
    return ended ? FILTER_END : FILTER_NOTHING;
}
