// SPDX-License-Identifier: MIT
// Reads the arguments of a packet from the left to the right.
#pragma once

#include "vmm/util/types.h"

struct gdb_reader {
    const char *at;
    const char *end;
};

static inline struct gdb_reader gdb_reader(const char *text, size_t length)
{
    return (struct gdb_reader){.at = text, .end = text + length};
}

static inline size_t gdb_left(const struct gdb_reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

// Each of these moves on only if it returns true.
bool gdb_read_text(struct gdb_reader *reader, const char *text);
// A hexadecimal number without a sign, of at most 64 bits.
bool gdb_read_number(struct gdb_reader *reader, uint64_t *value);
// `length` bytes, each as two hexadecimal digits.
bool gdb_read_hex(struct gdb_reader *reader, void *bytes, size_t length);
