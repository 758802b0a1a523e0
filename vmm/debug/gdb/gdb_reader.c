// SPDX-License-Identifier: MIT
// Reads the arguments of a packet.
#include "vmm/debug/gdb/gdb_reader.h"

#include "vmm/util/string.h"

#define NO_DIGIT 16

bool gdb_read_text(struct gdb_reader *reader, const char *text)
{
    size_t length = strlen(text);
    if (gdb_left(reader) < length || memcmp(reader->at, text, length) != 0) {
        return false;
    }
    reader->at += length;
    return true;
}

bool gdb_read_number(struct gdb_reader *reader, uint64_t *value)
{
    const char *at = reader->at;
    uint64_t number = 0;
    for (; at < reader->end && text_digit(*at) < NO_DIGIT; at++) {
        if (number >> 60) {
            return false;
        }
        number = number << 4 | text_digit(*at);
    }
    if (at == reader->at) {
        return false;
    }
    reader->at = at;
    *value = number;
    return true;
}

bool gdb_read_hex(struct gdb_reader *reader, void *bytes, size_t length)
{
    uint8_t *to = bytes;
    if (gdb_left(reader) / 2 < length) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        unsigned high = text_digit(reader->at[2 * i]);
        unsigned low = text_digit(reader->at[2 * i + 1]);
        if (high == NO_DIGIT || low == NO_DIGIT) {
            return false;
        }
        to[i] = (uint8_t)(high << 4 | low);
    }
    reader->at += 2 * length;
    return true;
}
