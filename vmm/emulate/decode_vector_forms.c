// SPDX-License-Identifier: MIT
// The opcode table of vector instructions (SDM Vol. 2D appendix A): moves of all kinds, and the
// integer arithmetic that compilers and C libraries do on memory.
#include "vmm/emulate/decode_vector_forms.h"

#include "vmm/emulate/decode.h"
#include "vmm/emulate/decode_forms.h"
#include "vmm/util/types.h"

#define SSE (VECTOR_LEGACY | VECTOR_VEX)
#define FORM(map_, prefix_, opcode_, operation_, bytes_, element_, flags_)                         \
    {                                                                                              \
        .map = MAP_##map_, .prefix = PREFIX_##prefix_, .opcode = (opcode_),                        \
        .operation = VECTOR_##operation_, .bytes = (bytes_), .element = (element_),                \
        .flags = (flags_)                                                                          \
    }
// The same without a prefix, for floats, and with 66, for doubles.
#define FLOATS(opcode_, operation_, bytes_, flags_)                                                \
    FORM(0F, NONE, opcode_, operation_, bytes_, 4, flags_),                                        \
        FORM(0F, 66, opcode_, operation_, bytes_, 8, flags_)
// In AVX-512 doubles need W, and what has an element's width in its name is masked by elements.
#define FLOATS_EVEX(opcode_, operation_, flags_)                                                   \
    FORM(0F, NONE, opcode_, operation_, BYTES_REGISTER, 4, VECTOR_EVEX_W0 | (flags_)),             \
        FORM(0F, 66, opcode_, operation_, BYTES_REGISTER, 8, VECTOR_EVEX_W1 | (flags_))
// Integer arithmetic with whole registers: 66 for SSE, nothing for MMX.
#define INTEGER(opcode_, operation_, element_)                                                     \
    FORM(0F, 66, opcode_, operation_, BYTES_REGISTER, element_, SSE | VECTOR_MMX | VECTOR_FIRST)
#define INTEGER38(opcode_, operation_, element_)                                                   \
    FORM(0F38, 66, opcode_, operation_, BYTES_REGISTER, element_, SSE | VECTOR_FIRST)
#define UNPACK(opcode_, operation_, element_)                                                      \
    FORM(0F, 66, opcode_, operation_, BYTES_REGISTER, element_, SSE | VECTOR_FIRST)
#define EXTEND(opcode_, bytes_, element_)                                                          \
    FORM(0F38, 66, opcode_, EXTEND_SIGN, bytes_, element_, SSE),                                   \
        FORM(0F38, 66, (opcode_) + 0x10, EXTEND_ZERO, bytes_, element_, SSE)
#define BROADCAST(opcode_, bytes_, flags_)                                                         \
    FORM(0F38, 66, opcode_, BROADCAST, bytes_, 0, VECTOR_VEX | (flags_))
#define MASKED(opcode_, operation_, element_)                                                      \
    FORM(0F38, 66, opcode_, operation_, BYTES_REGISTER, element_, VECTOR_VEX | VECTOR_FIRST)

static const struct vector_form forms[] = {
    // Moves of whole registers.
    FLOATS(0x10, MOVE, BYTES_REGISTER, SSE),
    FLOATS(0x11, STORE, BYTES_REGISTER, SSE),
    FLOATS(0x28, MOVE, BYTES_REGISTER, SSE | VECTOR_ALIGNED),
    FLOATS(0x29, STORE, BYTES_REGISTER, SSE | VECTOR_ALIGNED),
    FLOATS(0x2b, STORE, BYTES_REGISTER, SSE | VECTOR_ALIGNED),
    FORM(0F, 66, 0x6f, MOVE, BYTES_REGISTER, 0, SSE | VECTOR_MMX | VECTOR_ALIGNED),
    FORM(0F, 66, 0x7f, STORE, BYTES_REGISTER, 0, SSE | VECTOR_MMX | VECTOR_ALIGNED),
    FORM(0F, F3, 0x6f, MOVE, BYTES_REGISTER, 0, SSE),
    FORM(0F, F3, 0x7f, STORE, BYTES_REGISTER, 0, SSE),
    FORM(0F, 66, 0xe7, STORE, BYTES_REGISTER, 0, SSE | VECTOR_MMX | VECTOR_ALIGNED),
    FORM(0F, F2, 0xf0, MOVE, BYTES_REGISTER, 0, SSE),
    FORM(0F38, 66, 0x2a, MOVE, BYTES_REGISTER, 0, SSE | VECTOR_ALIGNED),
    // The same with AVX-512.
    FLOATS_EVEX(0x10, MOVE, 0),
    FLOATS_EVEX(0x11, STORE, 0),
    FLOATS_EVEX(0x28, MOVE, VECTOR_ALIGNED),
    FLOATS_EVEX(0x29, STORE, VECTOR_ALIGNED),
    FLOATS_EVEX(0x2b, STORE, VECTOR_ALIGNED | VECTOR_UNMASKED),
    FORM(0F, 66, 0x6f, MOVE, BYTES_REGISTER, 4, VECTOR_EVEX_W0 | VECTOR_ALIGNED),
    FORM(0F, 66, 0x6f, MOVE, BYTES_REGISTER, 8, VECTOR_EVEX_W1 | VECTOR_ALIGNED),
    FORM(0F, F3, 0x6f, MOVE, BYTES_REGISTER, 4, VECTOR_EVEX_W0),
    FORM(0F, F3, 0x6f, MOVE, BYTES_REGISTER, 8, VECTOR_EVEX_W1),
    FORM(0F, F2, 0x6f, MOVE, BYTES_REGISTER, 1, VECTOR_EVEX_W0),
    FORM(0F, F2, 0x6f, MOVE, BYTES_REGISTER, 2, VECTOR_EVEX_W1),
    FORM(0F, 66, 0x7f, STORE, BYTES_REGISTER, 4, VECTOR_EVEX_W0 | VECTOR_ALIGNED),
    FORM(0F, 66, 0x7f, STORE, BYTES_REGISTER, 8, VECTOR_EVEX_W1 | VECTOR_ALIGNED),
    FORM(0F, F3, 0x7f, STORE, BYTES_REGISTER, 4, VECTOR_EVEX_W0),
    FORM(0F, F3, 0x7f, STORE, BYTES_REGISTER, 8, VECTOR_EVEX_W1),
    FORM(0F, F2, 0x7f, STORE, BYTES_REGISTER, 1, VECTOR_EVEX_W0),
    FORM(0F, F2, 0x7f, STORE, BYTES_REGISTER, 2, VECTOR_EVEX_W1),
    FORM(0F, 66, 0xe7, STORE, BYTES_REGISTER, 4, VECTOR_EVEX_W0 | VECTOR_ALIGNED | VECTOR_UNMASKED),
    FORM(0F38, 66, 0x2a, MOVE, BYTES_REGISTER, 4,
         VECTOR_EVEX_W0 | VECTOR_ALIGNED | VECTOR_UNMASKED),
    // Moves of a part of a register.
    FORM(0F, F3, 0x10, MOVE, 4, 0, SSE | VECTOR_EVEX_W0),
    FORM(0F, F2, 0x10, MOVE, 8, 0, SSE | VECTOR_EVEX_W1),
    FORM(0F, F3, 0x11, STORE, 4, 0, SSE | VECTOR_EVEX_W0),
    FORM(0F, F2, 0x11, STORE, 8, 0, SSE | VECTOR_EVEX_W1),
    FORM(0F, F3, 0x2b, STORE, 4, 0, VECTOR_LEGACY), // SSE4a (APM Vol. 4, MOVNTSS)
    FORM(0F, F2, 0x2b, STORE, 8, 0, VECTOR_LEGACY),
    FLOATS(0x12, LOW, 8, SSE | VECTOR_L0 | VECTOR_FIRST),
    FLOATS(0x13, STORE, 8, SSE | VECTOR_L0),
    FLOATS(0x16, HIGH, 8, SSE | VECTOR_L0 | VECTOR_FIRST),
    FLOATS(0x17, STORE_HIGH, 8, SSE | VECTOR_L0),
    FORM(0F, 66, 0x6e, MOVE, BYTES_W, 0,
         SSE | VECTOR_EVEX_W0 | VECTOR_EVEX_W1 | VECTOR_MMX | VECTOR_L0 | VECTOR_UNMASKED),
    FORM(0F, 66, 0x7e, STORE, BYTES_W, 0,
         SSE | VECTOR_EVEX_W0 | VECTOR_EVEX_W1 | VECTOR_MMX | VECTOR_L0 | VECTOR_UNMASKED),
    FORM(0F, F3, 0x7e, MOVE, 8, 0, SSE | VECTOR_EVEX_W1 | VECTOR_L0 | VECTOR_UNMASKED),
    FORM(0F, 66, 0xd6, STORE, 8, 0, SSE | VECTOR_EVEX_W1 | VECTOR_L0 | VECTOR_UNMASKED),
    FORM(0F, 66, 0xc4, INSERT, 2, 0, SSE | VECTOR_L0 | VECTOR_FIRST | VECTOR_IMM8),
    FORM(0F3A, 66, 0x14, EXTRACT, 1, 0, SSE | VECTOR_L0 | VECTOR_IMM8),
    FORM(0F3A, 66, 0x15, EXTRACT, 2, 0, SSE | VECTOR_L0 | VECTOR_IMM8),
    FORM(0F3A, 66, 0x16, EXTRACT, BYTES_W, 0, SSE | VECTOR_L0 | VECTOR_IMM8),
    FORM(0F3A, 66, 0x17, EXTRACT, 4, 0, SSE | VECTOR_L0 | VECTOR_IMM8),
    FORM(0F3A, 66, 0x19, EXTRACT, 16, 0, VECTOR_VEX | VECTOR_L1 | VECTOR_IMM8),
    FORM(0F3A, 66, 0x39, EXTRACT, 16, 0, VECTOR_VEX | VECTOR_L1 | VECTOR_IMM8),
    FORM(0F3A, 66, 0x20, INSERT, 1, 0, SSE | VECTOR_L0 | VECTOR_FIRST | VECTOR_IMM8),
    FORM(0F3A, 66, 0x21, INSERT_FLOAT, 4, 0, SSE | VECTOR_L0 | VECTOR_FIRST | VECTOR_IMM8),
    FORM(0F3A, 66, 0x22, INSERT, BYTES_W, 0, SSE | VECTOR_L0 | VECTOR_FIRST | VECTOR_IMM8),
    FORM(0F3A, 66, 0x18, INSERT, 16, 0, VECTOR_VEX | VECTOR_L1 | VECTOR_FIRST | VECTOR_IMM8),
    FORM(0F3A, 66, 0x38, INSERT, 16, 0, VECTOR_VEX | VECTOR_L1 | VECTOR_FIRST | VECTOR_IMM8),
    MASKED(0x2c, MASKED_LOAD, 4),
    MASKED(0x2d, MASKED_LOAD, 8),
    MASKED(0x2e, MASKED_STORE, 4),
    MASKED(0x2f, MASKED_STORE, 8),
    MASKED(0x8c, MASKED_LOAD, BYTES_W),
    MASKED(0x8e, MASKED_STORE, BYTES_W),
    // Moves that repeat or widen elements.
    FORM(0F, F2, 0x12, REPEAT_EVEN, BYTES_DUP, 8, SSE),
    FORM(0F, F3, 0x12, REPEAT_EVEN, BYTES_REGISTER, 4, SSE),
    FORM(0F, F3, 0x16, REPEAT_ODD, BYTES_REGISTER, 4, SSE),
    BROADCAST(0x18, 4, 0),
    BROADCAST(0x19, 8, VECTOR_L1),
    BROADCAST(0x1a, 16, VECTOR_L1),
    BROADCAST(0x58, 4, 0),
    BROADCAST(0x59, 8, 0),
    BROADCAST(0x5a, 16, VECTOR_L1),
    BROADCAST(0x78, 1, 0),
    BROADCAST(0x79, 2, 0),
    EXTEND(0x20, BYTES_HALF, 1),
    EXTEND(0x21, BYTES_QUARTER, 1),
    EXTEND(0x22, BYTES_EIGHTH, 1),
    EXTEND(0x23, BYTES_HALF, 2),
    EXTEND(0x24, BYTES_QUARTER, 2),
    EXTEND(0x25, BYTES_HALF, 4),
    // Logic, comparisons, sums.
    FLOATS(0x54, AND, BYTES_REGISTER, SSE | VECTOR_FIRST),
    FLOATS(0x55, AND_NOT, BYTES_REGISTER, SSE | VECTOR_FIRST),
    FLOATS(0x56, OR, BYTES_REGISTER, SSE | VECTOR_FIRST),
    FLOATS(0x57, XOR, BYTES_REGISTER, SSE | VECTOR_FIRST),
    INTEGER(0xdb, AND, 8),
    INTEGER(0xdf, AND_NOT, 8),
    INTEGER(0xeb, OR, 8),
    INTEGER(0xef, XOR, 8),
    INTEGER(0x64, GREATER, 1),
    INTEGER(0x65, GREATER, 2),
    INTEGER(0x66, GREATER, 4),
    INTEGER(0x74, EQUAL, 1),
    INTEGER(0x75, EQUAL, 2),
    INTEGER(0x76, EQUAL, 4),
    INTEGER(0xd4, ADD, 8),
    INTEGER(0xfc, ADD, 1),
    INTEGER(0xfd, ADD, 2),
    INTEGER(0xfe, ADD, 4),
    INTEGER(0xf8, SUBTRACT, 1),
    INTEGER(0xf9, SUBTRACT, 2),
    INTEGER(0xfa, SUBTRACT, 4),
    INTEGER(0xfb, SUBTRACT, 8),
    INTEGER(0xda, MINIMUM, 1),
    INTEGER(0xde, MAXIMUM, 1),
    INTEGER(0xea, MINIMUM_SIGNED, 2),
    INTEGER(0xee, MAXIMUM_SIGNED, 2),
    INTEGER38(0x29, EQUAL, 8),
    INTEGER38(0x37, GREATER, 8),
    INTEGER38(0x38, MINIMUM_SIGNED, 1),
    INTEGER38(0x39, MINIMUM_SIGNED, 4),
    INTEGER38(0x3a, MINIMUM, 2),
    INTEGER38(0x3b, MINIMUM, 4),
    INTEGER38(0x3c, MAXIMUM_SIGNED, 1),
    INTEGER38(0x3d, MAXIMUM_SIGNED, 4),
    INTEGER38(0x3e, MAXIMUM, 2),
    INTEGER38(0x3f, MAXIMUM, 4),
    FORM(0F38, 66, 0x17, TEST, BYTES_REGISTER, 8, SSE),
    // Elements in another order.
    UNPACK(0x60, UNPACK_LOW, 1),
    UNPACK(0x61, UNPACK_LOW, 2),
    UNPACK(0x62, UNPACK_LOW, 4),
    UNPACK(0x6c, UNPACK_LOW, 8),
    UNPACK(0x68, UNPACK_HIGH, 1),
    UNPACK(0x69, UNPACK_HIGH, 2),
    UNPACK(0x6a, UNPACK_HIGH, 4),
    UNPACK(0x6d, UNPACK_HIGH, 8),
    FLOATS(0x14, UNPACK_LOW, BYTES_REGISTER, SSE | VECTOR_FIRST),
    FLOATS(0x15, UNPACK_HIGH, BYTES_REGISTER, SSE | VECTOR_FIRST),
    FORM(0F, 66, 0x70, SHUFFLE, BYTES_REGISTER, 4, SSE | VECTOR_IMM8),
    INTEGER38(0x00, SHUFFLE_BYTES, 1),
};

static bool has_encoding(const struct vector_form *form, const struct vector_key *key)
{
    static const uint16_t flags[][2] = {
        [ENCODING_LEGACY] = {VECTOR_LEGACY, VECTOR_LEGACY},
        [ENCODING_VEX] = {VECTOR_VEX, VECTOR_VEX},
        [ENCODING_EVEX] = {VECTOR_EVEX_W0, VECTOR_EVEX_W1},
    };
    return (form->flags & flags[key->encoding][key->w]) != 0;
}

static bool has_prefix(const struct vector_form *form, const struct vector_key *key)
{
    bool mmx = (form->flags & VECTOR_MMX) != 0 && key->encoding == ENCODING_LEGACY;
    return form->prefix == key->prefix || (mmx && key->prefix == PREFIX_NONE);
}

const struct vector_form *vector_form_find(const struct vector_key *key)
{
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        if (forms[i].opcode == key->opcode && forms[i].map == key->map &&
            has_prefix(&forms[i], key) && has_encoding(&forms[i], key)) {
            return &forms[i];
        }
    }
    return NULL;
}
