// SPDX-License-Identifier: MIT
// Reads a fuzzer's input piece by piece. Behind its end everything is 0.
#pragma once

#include "vmm/util/types.h"

struct random_input {
    const uint8_t *data;
    size_t left;
};

static inline uint8_t random_byte(struct random_input *input)
{
    if (input->left == 0) {
        return 0;
    }
    input->left--;
    return *input->data++;
}

static inline unsigned random_below(struct random_input *input, unsigned end)
{
    return random_byte(input) % end;
}

static inline bool random_bit(struct random_input *input)
{
    return random_byte(input) & 1;
}

// `bytes` of the input, the lowest first.
static inline uint64_t random_number(struct random_input *input, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++) {
        value |= (uint64_t)random_byte(input) << 8 * i;
    }
    return value;
}

// A number of any size. Small ones and those with few bits are the most frequent.
static inline uint64_t random_value(struct random_input *input)
{
    uint8_t kind = random_byte(input);
    switch (kind >> 6) {
    case 0:
        return kind & 0x3f;
    case 1:
        return BIT(kind & 0x3f);
    case 2:
        return random_number(input, 1 + kind % 4);
    default:
        return kind & 1 ? random_number(input, 8) : BIT(kind & 0x3f) - 1;
    }
}
