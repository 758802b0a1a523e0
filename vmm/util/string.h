// SPDX-License-Identifier: MIT
// Bytes and text: the string functions of C that Husk uses, and a few safer ones.
#pragma once

#include "vmm/util/types.h"

#if __STDC_HOSTED__
#include <string.h>
#else
// In arch/x86/memory.c. These names are the C library's, and GCC calls them by itself.
void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
size_t strlen(const char *text);
#endif

// The sum of `length` bytes, modulo 256. It is 0 for a table with a right checksum.
uint8_t bytes_sum(const void *bytes, size_t length);

bool text_equal(const char *a, const char *b);

// Copies `from` into a buffer of `size` bytes. Cuts the text if it does not fit, and always writes
// a NUL. Returns the length of `from`: the text was cut if that is `size` or more. With a `size` of
// 0 nothing is written.
size_t text_copy(char *to, size_t size, const char *from);

// The value of a digit in any base up to 16. 16: it is none.
unsigned text_digit(char character);

// Reads the whole of `text` (`length` bytes, without a NUL) as a number: decimal, or hexadecimal
// after 0x. False, with `value` unchanged: `text` is something else, or the number has more than 64
// bits.
bool text_parse_u64(const char *text, size_t length, uint64_t *value) MUST_CHECK;

// The same for a size: K, M or G (or k, m, g) may follow the number, for 2^10, 2^20 or 2^30.
bool text_parse_size(const char *text, size_t length, uint64_t *bytes) MUST_CHECK;
