// SPDX-License-Identifier: MIT
// memcpy and its kin, with string instructions. The compiler calls them by itself too.
#include "vmm/util/string.h"
#include "vmm/util/types.h"

// For fewer bytes a loop of bytes is as fast as setting up words.
#define WORDS_FROM 16

static void copy_forward(void *to, const void *from, size_t bytes)
{
    if (bytes >= WORDS_FROM) {
        size_t words = bytes / 8;
        __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
        bytes %= 8;
    }
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
}

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    copy_forward(to, from, bytes);
    return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
    if ((uintptr_t)to - (uintptr_t)from >= bytes) {
        copy_forward(to, from, bytes);
        return to;
    }
    // A forward copy would overwrite the end of `from` before reading it. So copy from the last
    // byte down.
    uint8_t *last_to = (uint8_t *)to + bytes - 1;
    const uint8_t *last_from = (const uint8_t *)from + bytes - 1;
    __asm__ volatile("std\n\trep movsb\n\tcld"
                     : "+D"(last_to), "+S"(last_from), "+c"(bytes)
                     :
                     : "memory");
    return to;
}

void *memset(void *to, int value, size_t bytes)
{
    void *at = to;
    if (bytes >= WORDS_FROM) {
        uint64_t word = 0x0101010101010101ULL * (uint8_t)value;
        size_t words = bytes / 8;
        __asm__ volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(word) : "memory");
        bytes %= 8;
    }
    __asm__ volatile("rep stosb" : "+D"(at), "+c"(bytes) : "a"(value) : "memory");
    return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
    const uint8_t *left = a;
    const uint8_t *right = b;
    for (size_t i = 0; i < bytes; i++) {
        if (left[i] != right[i]) {
            return left[i] < right[i] ? -1 : 1;
        }
    }
    return 0;
}

size_t strlen(const char *text)
{
    size_t length = 0;
    while (text[length] != '\0') {
        length++;
    }
    return length;
}
