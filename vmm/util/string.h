// SPDX-License-Identifier: MIT
// Bytes and text: the string functions of C that Husk uses, and a few safer ones.
#pragma once

#include "vmm/util/types.h"

#if __STDC_HOSTED__
#include <string.h>
#else
void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
size_t strlen(const char *text);
#endif

// The sum of so many bytes, modulo 256: 0 for a table whose checksum is right.
uint8_t bytes_sum(const void *bytes, size_t length);

bool text_equal(const char *a, const char *b);

// Whether `text` begins with `prefix`.
bool text_starts_with(const char *text, const char *prefix);

// Copies `from` into a buffer of `size` bytes, cut to fit and always ended by a NUL. Returns the
// length of `from`: the text was cut if that is `size` or more. A `size` of 0 writes nothing.
size_t text_copy(char *to, size_t size, const char *from);

// The number that the whole of `text` (`length` bytes, no NUL needed) spells: decimal, or
// hexadecimal after 0x. False, and `value` left alone, for anything else or above 64 bits.
bool text_parse_u64(const char *text, size_t length, uint64_t *value) MUST_CHECK;

// The same for a size: the number may have K, M or G (or k, m, g) behind it, for 2^10, 2^20 or
// 2^30.
bool text_parse_size(const char *text, size_t length, uint64_t *bytes) MUST_CHECK;
