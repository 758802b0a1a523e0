// SPDX-License-Identifier: MIT
// Decodes the instructions that exit: any number of prefixes, then an opcode of fixed length.
#include "arch/svm/svm_decode.h"

#include "vmm/util/legacy_prefix.h"

#define OPCODE_HLT 0xf4
#define OPCODE_TWO_BYTES 0x0f
#define SECOND_GROUP_7 0x01
#define SECOND_INVD 0x08
#define SECOND_WBINVD 0x09
#define SECOND_MOV_FROM_CR 0x20
#define SECOND_MOV_TO_CR 0x22
#define SECOND_WRMSR 0x30
#define SECOND_RDMSR 0x32
#define SECOND_CPUID 0xa2
#define MODRM_XSETBV 0xd1
#define MODRM_VMMCALL 0xd9
#define MODRM_RM 7
#define REX 0x40
#define REX_MASK 0xf0
#define REX_B 0x01

// Decodes the bytes after 0FH.
static bool decode_second(const uint8_t *bytes, unsigned count, uint8_t rex,
                          struct svm_instruction *instruction)
{
    switch (count > 0 ? bytes[0] : 0) {
    case SECOND_INVD:
    case SECOND_WBINVD:
    case SECOND_WRMSR:
    case SECOND_RDMSR:
    case SECOND_CPUID:
        instruction->length = 1;
        return true;
    case SECOND_GROUP_7:
        instruction->length = 2;
        return count > 1 && (bytes[1] == MODRM_VMMCALL || bytes[1] == MODRM_XSETBV);
    case SECOND_MOV_FROM_CR:
    case SECOND_MOV_TO_CR:
        instruction->length = 2;
        instruction->moves_cr = true;
        instruction->gpr = count > 1 ? (bytes[1] & MODRM_RM) | (rex & REX_B ? 8 : 0) : 0;
        return count > 1;
    default:
        return false;
    }
}

bool svm_decode_instruction(const uint8_t *bytes, unsigned count, bool is_64bit,
                            struct svm_instruction *instruction)
{
    unsigned at = 0;
    uint8_t rex = 0; // counts only if it is the last prefix
    *instruction = (struct svm_instruction){0};
    for (; at < count; at++) {
        bool is_rex = is_64bit && (bytes[at] & REX_MASK) == REX;
        if (!is_rex && !is_legacy_prefix(bytes[at])) {
            break;
        }
        rex = is_rex ? bytes[at] : 0;
    }
    if (at >= count) {
        return false;
    }
    bool known = bytes[at] == OPCODE_HLT;
    if (bytes[at] == OPCODE_TWO_BYTES) {
        known = decode_second(bytes + at + 1, count - at - 1, rex, instruction);
    }
    instruction->length = (uint8_t)(instruction->length + at + 1);
    return known && instruction->length <= SVM_INSTRUCTION_BYTES_MAX;
}
