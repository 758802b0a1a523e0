// SPDX-License-Identifier: MIT
// Text that grows in a buffer of limited size: a reply, or a window of a longer document.
#pragma once

#include "vmm/util/types.h"

struct gdb_writer {
    char *text;
    size_t room;
    size_t length;
    uint64_t skip; // bytes of the document that are still to be left out
    bool full;     // something did not fit
};

// `skip` is the offset of the window in the document.
void gdb_writer_init(struct gdb_writer *writer, char *text, size_t room, uint64_t skip);

void gdb_write(struct gdb_writer *writer, const char *text, size_t length);
void gdb_write_text(struct gdb_writer *writer, const char *text);
// The formatted text has at most 127 characters.
void gdb_write_format(struct gdb_writer *writer, const char *format, ...) PRINTF_LIKE(2, 3);
// Two hexadecimal digits for each byte.
void gdb_write_hex(struct gdb_writer *writer, const void *bytes, size_t length);
