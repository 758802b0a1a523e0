// SPDX-License-Identifier: MIT
// The opcode table of vector instructions: what each does with its memory operand.
#pragma once

#include "vmm/util/types.h"

enum vector_prefix { PREFIX_NONE, PREFIX_66, PREFIX_F3, PREFIX_F2 }; // as in VEX.pp

enum vector_form_flags {
    VECTOR_LEGACY = BIT(0), // the encodings that the form has
    VECTOR_VEX = BIT(1),
    VECTOR_EVEX_W0 = BIT(2),
    VECTOR_EVEX_W1 = BIT(3),
    VECTOR_MMX = BIT(4),       // without 66 it is the same with MMX registers
    VECTOR_L0 = BIT(5),        // VEX.L must be 0
    VECTOR_L1 = BIT(6),        // VEX.L must be 1
    VECTOR_FIRST = BIT(7),     // VEX.vvvv is the first source; otherwise the destination is
    VECTOR_IMM8 = BIT(8),      // an immediate follows
    VECTOR_ALIGNED = BIT(9),   // #GP if the operand is not aligned; not with MMX registers
    VECTOR_UNMASKED = BIT(10), // EVEX.aaa must be 0
};

// How many bytes the memory operand has. Other values are the number itself.
enum vector_bytes {
    BYTES_REGISTER = 0x80, // as many as the register
    BYTES_HALF,
    BYTES_QUARTER,
    BYTES_EIGHTH,
    BYTES_W,   // 4, or 8 with W
    BYTES_DUP, // MOVDDUP: 8, or 32 with VEX.L
};

struct vector_form {
    uint8_t map; // enum opcode_map
    uint8_t prefix;
    uint8_t opcode;
    uint8_t operation; // enum vector_operation
    uint8_t bytes;     // enum vector_bytes
    uint8_t element;   // bytes of an element; 0: as many as the operand has
    uint16_t flags;
};

// What determines a form.
struct vector_key {
    uint8_t encoding; // enum instruction_encoding
    uint8_t map;
    uint8_t prefix;
    uint8_t opcode;
    bool w; // counts for EVEX only
};

// NULL: the table does not have it.
const struct vector_form *vector_form_find(const struct vector_key *key);
