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
    LAYOUT_RM_SPECIAL, // ModRM: a general register from a control or debug register
    LAYOUT_SPECIAL_RM, // ModRM: a control or debug register from a general register
    LAYOUT_WITHOUT_MODRM, // all layouts from here on have no ModRM byte
    LAYOUT_ACC_MOFFS,     // the accumulator from memory at a full address
    LAYOUT_MOFFS_ACC,     // memory at a full address from the accumulator
    LAYOUT_STRING,        // fixed registers
};

enum form_flags {
    FORM_BYTE = BIT(0),     // the operands are 1 byte wide
    FORM_SOURCE_1 = BIT(1), // the source is 1, 2 or 4 bytes wide
    FORM_SOURCE_2 = BIT(2),
    FORM_SOURCE_4 = BIT(3),
    FORM_WIDE_64 = BIT(4),      // 8 bytes wide in 64-bit mode, without REX.W
    FORM_LOCK = BIT(5),         // LOCK is allowed if the destination is memory
    FORM_ONLY_64 = BIT(6),      // outside 64-bit mode the opcode is another instruction
    FORM_NON_TEMPORAL = BIT(7), // MOVNTI: #UD with 66 or if rm is a register; at least 4 bytes wide
    FORM_PREFIX_66 = BIT(8),    // without 66 the opcode is another instruction
};

struct instruction_form {
    uint8_t operation; // enum operation
    uint8_t layout;    // enum form_layout
    uint16_t flags;    // enum form_flags
};

// The form of a one-byte opcode, or of the opcode that follows 0F. Its layout is LAYOUT_NONE if the
// opcode is not known. `extension` is bits 5 to 3 of the ModRM byte. It counts only for opcodes
// that are groups (form_is_group).
struct instruction_form instruction_form_at(bool two_byte, uint8_t opcode, unsigned extension);
bool instruction_form_is_group(bool two_byte, uint8_t opcode);
