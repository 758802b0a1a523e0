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
    ARITHMETIC(0x00, ADD),
    ARITHMETIC(0x08, OR),
    ARITHMETIC(0x10, ADC),
    ARITHMETIC(0x18, SBB),
    ARITHMETIC(0x20, AND),
    ARITHMETIC(0x28, SUB),
    ARITHMETIC(0x30, XOR),
    [0x38] = FORM(CMP, RM_REG, FORM_BYTE),
    [0x39] = FORM(CMP, RM_REG, 0),
    [0x3a] = FORM(CMP, REG_RM, FORM_BYTE),
    [0x3b] = FORM(CMP, REG_RM, 0),
    [0x63] = FORM(MOVSX, REG_RM, FORM_SOURCE_4 | FORM_ONLY_64),
    [0x69] = FORM(IMUL_IMMEDIATE, REG_RM_IMM, 0),
    [0x6b] = FORM(IMUL_IMMEDIATE, REG_RM_IMM8, 0),
    [0x8c] = FORM(STORE_SEGMENT, RM, FORM_WORD),
    PAIR(0x6c, INS, STRING, 0),
    PAIR(0x6e, OUTS, STRING, 0),
    PAIR(0x84, TEST, RM_REG, 0),
    PAIR(0x86, XCHG, RM_REG, FORM_LOCK),
    PAIR(0x88, MOV, RM_REG, 0),
    PAIR(0x8a, MOV, REG_RM, 0),
    PAIR(0xa0, MOV, ACC_MOFFS, 0),
    PAIR(0xa2, MOV, MOFFS_ACC, 0),
    PAIR(0xa4, MOVS, STRING, 0),
    PAIR(0xa6, CMPS, STRING, 0),
    PAIR(0xaa, STOS, STRING, 0),
    PAIR(0xac, LODS, STRING, 0),
    PAIR(0xae, SCAS, STRING, 0),
};

static const struct instruction_form two_byte_opcodes[256] = {
    [0x06] = FORM(CLTS, ALONE, 0),
    [0x20] = FORM(MOV_CONTROL, RM_SPECIAL, 0),
    [0x21] = FORM(MOV_DEBUG, RM_SPECIAL, 0),
    [0x22] = FORM(MOV_CONTROL, SPECIAL_RM, 0),
    [0x23] = FORM(MOV_DEBUG, SPECIAL_RM, 0),
    [0xa3] = FORM(BT, RM_REG, 0),
    [0xa4] = FORM(SHLD, RM_REG_IMM8, 0),
    [0xa5] = FORM(SHLD, RM_REG, FORM_COUNT_CL),
    [0xab] = FORM(BTS, RM_REG, FORM_LOCK),
    [0xac] = FORM(SHRD, RM_REG_IMM8, 0),
    [0xad] = FORM(SHRD, RM_REG, FORM_COUNT_CL),
    [0xaf] = FORM(IMUL_REGISTER, REG_RM, 0),
    PAIR(0xb0, CMPXCHG, RM_REG, FORM_LOCK),
    [0xb3] = FORM(BTR, RM_REG, FORM_LOCK),
    [0xb6] = FORM(MOVZX, REG_RM, FORM_SOURCE_1),
    [0xb7] = FORM(MOVZX, REG_RM, FORM_SOURCE_2),
    [0xbb] = FORM(BTC, RM_REG, FORM_LOCK),
    [0xbc] = FORM(BSF, REG_RM, 0),
    [0xbd] = FORM(BSR, REG_RM, 0),
    [0xbe] = FORM(MOVSX, REG_RM, FORM_SOURCE_1),
    [0xbf] = FORM(MOVSX, REG_RM, FORM_SOURCE_2),
    PAIR(0xc0, XADD, RM_REG, FORM_LOCK),
    [0xc3] = FORM(MOV, RM_REG, FORM_NON_TEMPORAL | FORM_WIDE_4),
};

// Opcodes whose operation is in the ModRM byte.
enum group {
    GROUP_1,
    GROUP_1A,
    GROUP_2,
    GROUP_3,
    GROUP_4,
    GROUP_5,
    GROUP_6,
    GROUP_7,
    GROUP_8,
    GROUP_9,
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
        [GROUP_2] =
            {
                FORM(ROL, RM_IMM8, 0),
                FORM(ROR, RM_IMM8, 0),
                FORM(RCL, RM_IMM8, 0),
                FORM(RCR, RM_IMM8, 0),
                FORM(SHL, RM_IMM8, 0),
                FORM(SHR, RM_IMM8, 0),
                FORM(SHL, RM_IMM8, 0), // SAL; processors have it, the manual does not
                FORM(SAR, RM_IMM8, 0),
            },
        [GROUP_3] =
            {
                FORM(TEST, RM_IMM, 0),
                FORM(TEST, RM_IMM, 0), // processors have it, the manual does not
                FORM(NOT, RM, FORM_LOCK),
                FORM(NEG, RM, FORM_LOCK),
                FORM(MUL, RM, 0),
                FORM(IMUL, RM, 0),
                FORM(DIV, RM, 0),
                FORM(IDIV, RM, 0),
            },
        [GROUP_4] = {FORM(INC, RM, FORM_LOCK), FORM(DEC, RM, FORM_LOCK)},
        [GROUP_5] =
            {
                FORM(INC, RM, FORM_LOCK),
                FORM(DEC, RM, FORM_LOCK),
                [6] = FORM(PUSH, RM, FORM_WIDE_64),
            },
        [GROUP_6] = {FORM(SLDT, RM, FORM_WORD), FORM(STR, RM, FORM_WORD)},
        [GROUP_7] = {[4] = FORM(SMSW, RM, FORM_WORD), [6] = FORM(LMSW, RM, FORM_WORD)},
        [GROUP_8] =
            {
                [4] = FORM(BT, RM_IMM8, 0),
                [5] = FORM(BTS, RM_IMM8, FORM_LOCK),
                [6] = FORM(BTR, RM_IMM8, FORM_LOCK),
                [7] = FORM(BTC, RM_IMM8, FORM_LOCK),
            },
        [GROUP_9] = {[1] = FORM(CMPXCHG_PAIR, RM, FORM_WIDE_4 | FORM_LOCK)},
        [GROUP_11] = {FORM(MOV, RM_IMM, 0)},
        [GROUP_15] =
            {[6] = FORM(CACHE, RM, FORM_BYTE | FORM_PREFIX_66), [7] = FORM(CACHE, RM, FORM_BYTE)},
};

static enum group group_of_0f(uint8_t byte)
{
    switch (byte) {
    case 0x00:
        return GROUP_6;
    case 0x01:
        return GROUP_7;
    case 0xae:
        return GROUP_15;
    case 0xba:
        return GROUP_8;
    case 0xc7:
        return GROUP_9;
    default:
        return GROUP_COUNT;
    }
}

// The group of an opcode; GROUP_COUNT: the opcode is no group.
static enum group group_of(struct opcode opcode)
{
    if (opcode.map != MAP_ONE_BYTE) {
        return opcode.map == MAP_0F ? group_of_0f(opcode.byte) : GROUP_COUNT;
    }
    switch (opcode.byte) {
    case 0x80:
    case 0x81:
    case 0x83:
        return GROUP_1;
    case 0x8f:
        return GROUP_1A;
    case 0xc0:
    case 0xc1:
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
        return GROUP_2;
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

bool instruction_form_is_group(struct opcode opcode)
{
    return group_of(opcode) != GROUP_COUNT;
}

// The opcodes of 0F that F3 changes, and those that there are 16 of, one for each condition.
static struct instruction_form form_of_0f(struct opcode opcode)
{
    if (opcode.repeat == REPEAT_EQUAL) {
        switch (opcode.byte) {
        case 0xb8:
            return (struct instruction_form)FORM(POPCNT, REG_RM, 0);
        case 0xbc:
            return (struct instruction_form)FORM(TZCNT, REG_RM, 0);
        case 0xbd:
            return (struct instruction_form)FORM(LZCNT, REG_RM, 0);
        default:
            break;
        }
    }
    switch (opcode.byte & 0xf0) {
    case 0x40:
        return (struct instruction_form)FORM(CMOV, REG_RM, FORM_CONDITION);
    case 0x90:
        return (struct instruction_form)FORM(SET, RM, FORM_BYTE | FORM_CONDITION);
    default:
        return two_byte_opcodes[opcode.byte];
    }
}

static struct instruction_form form_of_0f38(struct opcode opcode)
{
    bool crc32 = opcode.repeat == REPEAT_NOT_EQUAL;
    switch (opcode.byte) {
    case 0xf0:
        return crc32 ? (struct instruction_form)FORM(CRC32, REG_RM, FORM_SOURCE_1)
                     : (struct instruction_form)FORM(MOVBE, REG_RM, 0);
    case 0xf1:
        return crc32 ? (struct instruction_form)FORM(CRC32, REG_RM, 0)
                     : (struct instruction_form)FORM(MOVBE, RM_REG, 0);
    default:
        return (struct instruction_form){0};
    }
}

// The form of an opcode that is no group.
static struct instruction_form single_form(struct opcode opcode)
{
    switch (opcode.map) {
    case MAP_ONE_BYTE:
        return one_byte[opcode.byte];
    case MAP_0F:
        return form_of_0f(opcode);
    case MAP_0F38:
        return form_of_0f38(opcode);
    default:
        return (struct instruction_form){0};
    }
}

// Changes the form of a group's member to that of its opcode.
static void adapt_to_opcode(struct opcode opcode, struct instruction_form *form)
{
    if (opcode.map != MAP_ONE_BYTE) {
        return;
    }
    if ((opcode.byte & 1) == 0) {
        form->flags |= FORM_BYTE;
    }
    switch (opcode.byte) {
    case 0x83:
        form->layout = LAYOUT_RM_IMM8;
        break;
    case 0xd0:
    case 0xd1:
        form->layout = LAYOUT_RM_ONE;
        break;
    case 0xd2:
    case 0xd3:
        form->layout = LAYOUT_RM;
        form->flags |= FORM_COUNT_CL;
        break;
    default:
        break;
    }
}

struct instruction_form instruction_form_at(struct opcode opcode)
{
    struct instruction_form form = single_form(opcode);
    enum group group;
    if (form.layout != LAYOUT_NONE) {
        return form;
    }
    group = group_of(opcode);
    if (group == GROUP_COUNT) {
        return form;
    }
    form = groups[group][opcode.extension & 7];
    adapt_to_opcode(opcode, &form);
    return form;
}
