// SPDX-License-Identifier: MIT
// Formatted text into a buffer; see format.h.
#include "vmm/util/format.h"

#include "vmm/util/string.h"

#define DIGITS_MAX 20 // of UINT64_MAX in decimal

struct output {
    char *buffer;
    size_t size;
    size_t length; // of the whole text, with what did not fit
};

// One conversion: %[flags][width][.precision][length]character
struct conversion {
    bool left;
    bool zeros;
    bool alternative;
    size_t width;
    bool has_precision;
    size_t precision;
    char length; // 'H': hh, 'h', 0, 'l', 'L': ll or z
    char type;
};

static void put(struct output *out, char character)
{
    if (out->length + 1 < out->size) {
        out->buffer[out->length] = character;
    }
    out->length++;
}

static void put_many(struct output *out, char character, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        put(out, character);
    }
}

static void put_bytes(struct output *out, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        put(out, bytes[i]);
    }
}

// Writes `body` in the conversion's width. `prefix` (a sign or 0x) comes before filling zeros.
static void put_field(struct output *out, const struct conversion *conversion, const char *prefix,
                      const char *body, size_t length)
{
    size_t whole = strlen(prefix) + length;
    size_t fill = conversion->width > whole ? conversion->width - whole : 0;
    bool zeros = conversion->zeros && !conversion->left;
    if (!conversion->left && !zeros) {
        put_many(out, ' ', fill);
    }
    put_bytes(out, prefix, strlen(prefix));
    if (zeros) {
        put_many(out, '0', fill);
    }
    put_bytes(out, body, length);
    if (conversion->left) {
        put_many(out, ' ', fill);
    }
}

static void put_number(struct output *out, const struct conversion *conversion, const char *prefix,
                       uint64_t value, unsigned base)
{
    const char *digits = conversion->type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[DIGITS_MAX];
    size_t start = sizeof(text);
    do {
        text[--start] = digits[value % base];
        value /= base;
    } while (value != 0);
    put_field(out, conversion, prefix, text + start, sizeof(text) - start);
}

static void put_string(struct output *out, struct conversion *conversion, const char *text)
{
    size_t length = 0;
    if (!text) {
        text = "(null)";
    }
    while ((!conversion->has_precision || length < conversion->precision) && text[length] != '\0') {
        length++;
    }
    conversion->zeros = false;
    put_field(out, conversion, "", text, length);
}

static uint64_t next_unsigned(va_list *arguments, char length)
{
    switch (length) {
    case 'H':
        return (uint8_t)va_arg(*arguments, unsigned);
    case 'h':
        return (uint16_t)va_arg(*arguments, unsigned);
    case 'l':
    case 'L':
        return va_arg(*arguments, uint64_t);
    default:
        return va_arg(*arguments, unsigned);
    }
}

static int64_t next_signed(va_list *arguments, char length)
{
    switch (length) {
    case 'H':
        return (int8_t)va_arg(*arguments, int);
    case 'h':
        return (int16_t)va_arg(*arguments, int);
    case 'l':
    case 'L':
        return va_arg(*arguments, int64_t);
    default:
        return va_arg(*arguments, int);
    }
}

static void put_signed(struct output *out, const struct conversion *conversion, int64_t value)
{
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    put_number(out, conversion, value < 0 ? "-" : "", magnitude, 10);
}

static void put_hexadecimal(struct output *out, const struct conversion *conversion, uint64_t value)
{
    bool prefixed = conversion->type == 'p' || (conversion->alternative && value != 0);
    put_number(out, conversion, prefixed ? "0x" : "", value, 16);
}

// False: the conversion is unknown. Then nothing was written, and no argument was taken.
static bool put_conversion(struct output *out, struct conversion *conversion, va_list *arguments)
{
    char character;
    switch (conversion->type) {
    case 'd':
    case 'i':
        put_signed(out, conversion, next_signed(arguments, conversion->length));
        return true;
    case 'u':
        put_number(out, conversion, "", next_unsigned(arguments, conversion->length), 10);
        return true;
    case 'x':
    case 'X':
        put_hexadecimal(out, conversion, next_unsigned(arguments, conversion->length));
        return true;
    case 'p':
        put_hexadecimal(out, conversion, (uintptr_t)va_arg(*arguments, void *));
        return true;
    case 's':
        put_string(out, conversion, va_arg(*arguments, const char *));
        return true;
    case 'c':
        character = (char)va_arg(*arguments, int);
        conversion->zeros = false;
        put_field(out, conversion, "", &character, 1);
        return true;
    case '%':
        put(out, '%');
        return true;
    default:
        return false;
    }
}

static const char *parse_flags(const char *at, struct conversion *conversion)
{
    for (;; at++) {
        if (*at == '-') {
            conversion->left = true;
        } else if (*at == '0') {
            conversion->zeros = true;
        } else if (*at == '#') {
            conversion->alternative = true;
        } else {
            return at;
        }
    }
}

// Reads a number or `*`. A negative `*` counts as no number.
static const char *parse_count(const char *at, va_list *arguments, size_t *count)
{
    *count = 0;
    if (*at == '*') {
        int given = va_arg(*arguments, int);
        *count = given > 0 ? (size_t)given : 0;
        return at + 1;
    }
    while (*at >= '0' && *at <= '9') {
        *count = *count * 10 + (size_t)(*at++ - '0');
    }
    return at;
}

static const char *parse_length(const char *at, struct conversion *conversion)
{
    if (*at == 'h') {
        conversion->length = at[1] == 'h' ? 'H' : 'h';
        return at + (at[1] == 'h' ? 2 : 1);
    }
    if (*at == 'l') {
        conversion->length = at[1] == 'l' ? 'L' : 'l';
        return at + (at[1] == 'l' ? 2 : 1);
    }
    if (*at == 'z') {
        conversion->length = 'L';
        return at + 1;
    }
    return at;
}

// Handles one conversion. `at` is after the percent sign. Returns where the format goes on.
static const char *format_one(struct output *out, const char *at, va_list *arguments)
{
    struct conversion conversion = {0};
    const char *start = at;
    at = parse_flags(at, &conversion);
    at = parse_count(at, arguments, &conversion.width);
    if (*at == '.') {
        conversion.has_precision = true;
        at = parse_count(at + 1, arguments, &conversion.precision);
    }
    at = parse_length(at, &conversion);
    conversion.type = *at;
    if (put_conversion(out, &conversion, arguments)) {
        return at + 1;
    }
    put(out, '%');
    return start;
}

size_t format_text_v(char *buffer, size_t size, const char *format, va_list arguments)
{
    struct output out = {.buffer = buffer, .size = size};
    va_list copy; // a va_list parameter may be a pointer, whose address has another type
    va_copy(copy, arguments);

    while (*format != '\0') {
        char character = *format++;
        if (character == '%') {
            format = format_one(&out, format, &copy);
        } else {
            put(&out, character);
        }
    }
    va_end(copy);
    if (size != 0) {
        buffer[MIN(out.length, size - 1)] = '\0';
    }
    return out.length;
}

size_t format_text(char *buffer, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t length = format_text_v(buffer, size, format, arguments);
    va_end(arguments);
    return length;
}

void format_line(void (*line)(const char *text), const char *format, ...)
{
    char text[FORMAT_LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    format_text_v(text, sizeof(text), format, arguments);
    va_end(arguments);
    line(text);
}
