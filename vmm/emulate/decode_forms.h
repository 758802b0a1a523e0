// SPDX-License-Identifier: MIT
// The opcode tables of the decoder: the operation of an opcode, and the places of its operands.
#pragma once

#include "vmm/util/types.h"

// The places of an opcode's operands.
enum form_layout {
    LAYOUT_NONE,       // the decoder does not know the opcode
    LAYOUT_RM_REG,     // ModRM: rm is the destination, reg the source
    LAYOUT_REG_RM,     // ModRM: reg is the destination, rm the source
    LAYOUT_RM,         // ModRM: rm is the only operand
    LAYOUT_RM_IMM,     // ModRM: rm is the destination, an immediate of at most 4 bytes the source
    LAYOUT_RM_IMM8,    // the same with an immediate of 1 byte, sign-extended
    LAYOUT_RM_ONE,     // the same with 1 as the immediate, which is not in the instruction
    LAYOUT_REG_RM_IMM, // as LAYOUT_REG_RM, then an immediate of at most 4 bytes
    LAYOUT_REG_RM_IMM8,
    LAYOUT_RM_REG_IMM8,
    LAYOUT_RM_SPECIAL,    // ModRM: a general register from a control or debug register
    LAYOUT_SPECIAL_RM,    // ModRM: a control or debug register from a general register
    LAYOUT_WITHOUT_MODRM, // all layouts from here on have no ModRM byte
    LAYOUT_ACC_MOFFS,     // the accumulator from memory at a full address
    LAYOUT_MOFFS_ACC,     // memory at a full address from the accumulator
    LAYOUT_STRING,        // fixed registers
    LAYOUT_ALONE,         // the opcode is all
};

enum form_flags {
    FORM_BYTE = BIT(0),     // the operands are 1 byte wide
    FORM_SOURCE_1 = BIT(1), // the source is 1, 2 or 4 bytes wide
    FORM_SOURCE_2 = BIT(2),
    FORM_SOURCE_4 = BIT(3),
    FORM_WIDE_64 = BIT(4),      // 8 bytes wide in 64-bit mode, without REX.W
    FORM_LOCK = BIT(5),         // LOCK is allowed if the destination is memory
    FORM_ONLY_64 = BIT(6),      // outside 64-bit mode the opcode is another instruction
    FORM_WIDE_4 = BIT(7),       // 4 bytes wide, or 8 with REX.W; 66 changes nothing
    FORM_NON_TEMPORAL = BIT(8), // MOVNTI: #UD with 66 or if rm is a register
    FORM_PREFIX_66 = BIT(9),    // without 66 the opcode is another instruction
    FORM_WORD = BIT(10),        // an operand in memory is 2 bytes wide
    FORM_COUNT_CL = BIT(11),    // a shift by CL
    FORM_CONDITION = BIT(12),   // the opcode's lowest 4 bits are a condition
};

struct instruction_form {
    uint8_t operation; // enum operation
    uint8_t layout;    // enum form_layout
    uint16_t flags;    // enum form_flags
};

enum opcode_map { MAP_ONE_BYTE, MAP_0F, MAP_0F38, MAP_0F3A };

// What determines a form.
struct opcode {
    uint8_t map; // enum opcode_map
    uint8_t byte;
    uint8_t repeat;    // enum repeat_prefix
    uint8_t extension; // bits 5 to 3 of ModRM, which count only for groups (form_is_group)
};

// The layout is LAYOUT_NONE if the opcode is not known.
struct instruction_form instruction_form_at(struct opcode opcode);
bool instruction_form_is_group(struct opcode opcode);
