// SPDX-License-Identifier: MIT
// Bytes and text for an environment without a C library; see string.h.
#include "vmm/util/string.h"

uint8_t bytes_sum(const void *bytes, size_t length)
{
    const uint8_t *at = bytes;
    unsigned sum = 0;
    for (size_t i = 0; i < length; i++) {
        sum += at[i];
    }
    return (uint8_t)sum;
}

bool text_equal(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

size_t text_copy(char *to, size_t size, const char *from)
{
    size_t length = strlen(from);
    if (size == 0) {
        return length;
    }
    size_t copied = MIN(length, size - 1);
    memcpy(to, from, copied);
    to[copied] = '\0';
    return length;
}

unsigned text_digit(char character)
{
    if (character >= '0' && character <= '9') {
        return (unsigned)(character - '0');
    }
    if (character >= 'a' && character <= 'f') {
        return (unsigned)(character - 'a') + 10;
    }
    if (character >= 'A' && character <= 'F') {
        return (unsigned)(character - 'A') + 10;
    }
    return 16;
}

bool text_parse_u64(const char *text, size_t length, uint64_t *value)
{
    unsigned base = 10;
    if (length >= 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        base = 16;
        text += 2;
        length -= 2;
    }
    if (length == 0) {
        return false;
    }
    uint64_t result = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned digit = text_digit(text[i]);
        if (digit >= base || result > (UINT64_MAX - digit) / base) {
            return false;
        }
        result = result * base + digit;
    }
    *value = result;
    return true;
}

static uint64_t unit_of(char character)
{
    switch (character) {
    case 'k':
    case 'K':
        return KIB;
    case 'm':
    case 'M':
        return MIB;
    case 'g':
    case 'G':
        return GIB;
    default:
        return 1;
    }
}

bool text_parse_size(const char *text, size_t length, uint64_t *bytes)
{
    uint64_t unit = length > 0 ? unit_of(text[length - 1]) : 1;
    uint64_t number;
    if (!text_parse_u64(text, length - (unit > 1), &number) || number > UINT64_MAX / unit) {
        return false;
    }
    *bytes = number * unit;
    return true;
}
