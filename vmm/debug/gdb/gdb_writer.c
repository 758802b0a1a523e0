// SPDX-License-Identifier: MIT
// Text that grows in a buffer of limited size.
#include "vmm/debug/gdb/gdb_writer.h"

#include <stdarg.h>

#include "vmm/util/format.h"
#include "vmm/util/string.h"

#define FORMATTED_BYTES 128

void gdb_writer_init(struct gdb_writer *writer, char *text, size_t room, uint64_t skip)
{
    *writer = (struct gdb_writer){.text = text, .room = room, .skip = skip};
}

void gdb_write(struct gdb_writer *writer, const char *text, size_t length)
{
    size_t skipped = (size_t)MIN(writer->skip, length);
    size_t fits = MIN(length - skipped, writer->room - writer->length);
    writer->skip -= skipped;
    memcpy(writer->text + writer->length, text + skipped, fits);
    writer->length += fits;
    writer->full = writer->full || fits < length - skipped;
}

void gdb_write_text(struct gdb_writer *writer, const char *text)
{
    gdb_write(writer, text, strlen(text));
}

void gdb_write_format(struct gdb_writer *writer, const char *format, ...)
{
    char text[FORMATTED_BYTES];
    va_list arguments;
    va_start(arguments, format);
    size_t length = format_text_v(text, sizeof(text), format, arguments);
    va_end(arguments);
    gdb_write(writer, text, MIN(length, sizeof(text) - 1));
}

void gdb_write_hex(struct gdb_writer *writer, const void *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *from = bytes;
    for (size_t i = 0; i < length; i++) {
        char pair[2] = {digits[from[i] >> 4], digits[from[i] & 0xf]};
        gdb_write(writer, pair, sizeof(pair));
    }
}
