// SPDX-License-Identifier: MIT
// Formatted text into a buffer: the part of C's printf that Husk uses.
#pragma once

#include <stdarg.h>

#include "vmm/util/types.h"

// Writes at most `size` bytes, including the final NUL. Returns the length of the whole text. Knows
// %c %s %d %i %u %x %X %p %%, the flags `-`, `0` and `#` (0x), a width, `*`, a precision for
// %s, and the lengths hh, h, l, ll, z. An unknown conversion is copied as it stands.
size_t format_text(char *buffer, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);
size_t format_text_v(char *buffer, size_t size, const char *format, va_list arguments)
    PRINTF_LIKE(3, 0);

#define FORMAT_LINE_BYTES 120 // including the NUL; a longer line is cut

// Gives the formatted text to `line`.
void format_line(void (*line)(const char *text), const char *format, ...) PRINTF_LIKE(2, 3);
