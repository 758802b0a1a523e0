// SPDX-License-Identifier: MIT
// The opcode tables of the decoder (SDM Vol. 2D appendix A).
#include "vmm/emulate/decode_forms.h"

#include "vmm/emulate/decode.h"

#define FORM(operation_, layout_, flags_)                                                          \
    {                                                                                              \
        .operation = OPERATION_##operation_, .layout = LAYOUT_##layout_, .flags = (flags_)         \
    }

// The four forms with ModRM of an arithmetic operation, in the order of their encoding.
#define ARITHMETIC(first, operation_)                                                              \
    [(first)] = FORM(operation_, RM_REG, FORM_BYTE | FORM_LOCK),                                   \
    [(first) + 1] = FORM(operation_, RM_REG, FORM_LOCK),                                           \
    [(first) + 2] = FORM(operation_, REG_RM, FORM_BYTE),                                           \
    [(first) + 3] = FORM(operation_, REG_RM, 0)

// A form with operands of one byte, and the wide form with the next opcode.
#define PAIR(first, operation_, layout_, flags_)                                                   \
    [(first)] = FORM(operation_, layout_, (flags_) | FORM_BYTE),                                   \
    [(first) + 1] = FORM(operation_, layout_, flags_)

static const struct instruction_form one_byte[256] = {
    ARITHMETIC(0x00, ADD),         ARITHMETIC(0x08, OR),
    ARITHMETIC(0x10, ADC),         ARITHMETIC(0x18, SBB),
    ARITHMETIC(0x20, AND),         ARITHMETIC(0x28, SUB),
    ARITHMETIC(0x30, XOR),         [0x38] = FORM(CMP, RM_REG, FORM_BYTE),
    [0x39] = FORM(CMP, RM_REG, 0), [0x3a] = FORM(CMP, REG_RM, FORM_BYTE),
    [0x3b] = FORM(CMP, REG_RM, 0), [0x63] = FORM(MOVSX, REG_RM, FORM_SOURCE_4 | FORM_ONLY_64),
    PAIR(0x6c, INS, STRING, 0),    PAIR(0x6e, OUTS, STRING, 0),
    PAIR(0x84, TEST, RM_REG, 0),   PAIR(0x86, XCHG, RM_REG, FORM_LOCK),
    PAIR(0x88, MOV, RM_REG, 0),    PAIR(0x8a, MOV, REG_RM, 0),
    PAIR(0xa0, MOV, ACC_MOFFS, 0), PAIR(0xa2, MOV, MOFFS_ACC, 0),
    PAIR(0xa4, MOVS, STRING, 0),   PAIR(0xa6, CMPS, STRING, 0),
    PAIR(0xaa, STOS, STRING, 0),   PAIR(0xac, LODS, STRING, 0),
    PAIR(0xae, SCAS, STRING, 0),
};

static const struct instruction_form two_byte_opcodes[256] = {
    [0x20] = FORM(MOV_CONTROL, RM_SPECIAL, 0),
    [0x21] = FORM(MOV_DEBUG, RM_SPECIAL, 0),
    [0x22] = FORM(MOV_CONTROL, SPECIAL_RM, 0),
    [0x23] = FORM(MOV_DEBUG, SPECIAL_RM, 0),
    [0xa3] = FORM(BT, RM_REG, 0),
    [0xab] = FORM(BTS, RM_REG, FORM_LOCK),
    PAIR(0xb0, CMPXCHG, RM_REG, FORM_LOCK),
    [0xb3] = FORM(BTR, RM_REG, FORM_LOCK),
    [0xb6] = FORM(MOVZX, REG_RM, FORM_SOURCE_1),
    [0xb7] = FORM(MOVZX, REG_RM, FORM_SOURCE_2),
    [0xbb] = FORM(BTC, RM_REG, FORM_LOCK),
    [0xbe] = FORM(MOVSX, REG_RM, FORM_SOURCE_1),
    [0xbf] = FORM(MOVSX, REG_RM, FORM_SOURCE_2),
    PAIR(0xc0, XADD, RM_REG, FORM_LOCK),
    [0xc3] = FORM(MOV, RM_REG, FORM_NON_TEMPORAL),
};

// Opcodes whose operation is in the ModRM byte.
enum group {
    GROUP_1,
    GROUP_1A,
    GROUP_3,
    GROUP_4,
    GROUP_5,
    GROUP_8,
    GROUP_11,
    GROUP_15,
    GROUP_COUNT
};

static const struct instruction_form groups[GROUP_COUNT][8] =
    {
        [GROUP_1] =
            {
                FORM(ADD, RM_IMM, FORM_LOCK),
                FORM(OR, RM_IMM, FORM_LOCK),
                FORM(ADC, RM_IMM, FORM_LOCK),
                FORM(SBB, RM_IMM, FORM_LOCK),
                FORM(AND, RM_IMM, FORM_LOCK),
                FORM(SUB, RM_IMM, FORM_LOCK),
                FORM(XOR, RM_IMM, FORM_LOCK),
                FORM(CMP, RM_IMM, 0),
            },
        [GROUP_1A] = {FORM(POP, RM, FORM_WIDE_64)},
        [GROUP_3] =
            {
                FORM(TEST, RM_IMM, 0),
                FORM(TEST, RM_IMM, 0), // processors have it, the manual does not
                FORM(NOT, RM, FORM_LOCK),
                FORM(NEG, RM, FORM_LOCK),
            },
        [GROUP_4] = {FORM(INC, RM, FORM_LOCK), FORM(DEC, RM, FORM_LOCK)},
        [GROUP_5] =
            {
                FORM(INC, RM, FORM_LOCK),
                FORM(DEC, RM, FORM_LOCK),
                [6] = FORM(PUSH, RM, FORM_WIDE_64),
            },
        [GROUP_8] =
            {
                [4] = FORM(BT, RM_IMM8, 0),
                [5] = FORM(BTS, RM_IMM8, FORM_LOCK),
                [6] = FORM(BTR, RM_IMM8, FORM_LOCK),
                [7] = FORM(BTC, RM_IMM8, FORM_LOCK),
            },
        [GROUP_11] = {FORM(MOV, RM_IMM, 0)},
        [GROUP_15] =
            {[6] = FORM(CACHE, RM, FORM_BYTE | FORM_PREFIX_66), [7] = FORM(CACHE, RM, FORM_BYTE)},
};

// The group of an opcode; GROUP_COUNT: the opcode is no group.
static enum group group_of(bool two_byte, uint8_t opcode)
{
    if (two_byte) {
        return opcode == 0xba ? GROUP_8 : opcode == 0xae ? GROUP_15 : GROUP_COUNT;
    }
    switch (opcode) {
    case 0x80:
    case 0x81:
    case 0x83:
        return GROUP_1;
    case 0x8f:
        return GROUP_1A;
    case 0xc6:
    case 0xc7:
        return GROUP_11;
    case 0xf6:
    case 0xf7:
        return GROUP_3;
    case 0xfe:
        return GROUP_4;
    case 0xff:
        return GROUP_5;
    default:
        return GROUP_COUNT;
    }
}

bool instruction_form_is_group(bool two_byte, uint8_t opcode)
{
    return group_of(two_byte, opcode) != GROUP_COUNT;
}

struct instruction_form instruction_form_at(bool two_byte, uint8_t opcode, unsigned extension)
{
    struct instruction_form form = two_byte ? two_byte_opcodes[opcode] : one_byte[opcode];
    enum group group;
    if (form.layout != LAYOUT_NONE) {
        return form;
    }
    group = group_of(two_byte, opcode);
    if (group == GROUP_COUNT) {
        return form;
    }
    form = groups[group][extension & 7];
    if (!two_byte && (opcode & 1) == 0) {
        form.flags |= FORM_BYTE;
    }
    if (!two_byte && opcode == 0x83) {
        form.layout = LAYOUT_RM_IMM8;
    }
    return form;
}
