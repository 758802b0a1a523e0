// SPDX-License-Identifier: MIT
// Decodes guest instructions: those that may access device memory, string I/O, moves to and from
// control and debug registers, LMSW, SMSW and CLTS (SDM Vol. 2, APM Vol. 3).
#pragma once

#include "vmm/util/types.h"

#define INSTRUCTION_BYTES_MAX 15
#define NO_REGISTER 0xff

enum operation {
    OPERATION_NONE,
    OPERATION_MOV, // MOVNTI too
    OPERATION_MOVBE,
    OPERATION_CMOV, // the condition is `immediate`, as in the opcode's lowest 4 bits
    OPERATION_SET,  // SETcc, likewise
    OPERATION_MOVZX,
    OPERATION_MOVSX, // MOVSXD too
    OPERATION_ADD,   // ADD to CMP in the order of their encoding
    OPERATION_OR,
    OPERATION_ADC,
    OPERATION_SBB,
    OPERATION_AND,
    OPERATION_SUB,
    OPERATION_XOR,
    OPERATION_CMP,
    OPERATION_TEST,
    OPERATION_XCHG,
    OPERATION_INC,
    OPERATION_DEC,
    OPERATION_NOT,
    OPERATION_NEG,
    OPERATION_BT, // BT to BTC in the order of their encoding
    OPERATION_BTS,
    OPERATION_BTR,
    OPERATION_BTC,
    OPERATION_CMPXCHG,
    OPERATION_CMPXCHG_PAIR, // CMPXCHG8B, CMPXCHG16B: `width` is half of the operand's
    OPERATION_XADD,
    OPERATION_ROL, // ROL to SAR in the order of their encoding; SAL is SHL
    OPERATION_ROR,
    OPERATION_RCL,
    OPERATION_RCR,
    OPERATION_SHL,
    OPERATION_SHR,
    OPERATION_SAR,
    OPERATION_SHLD,
    OPERATION_SHRD,
    OPERATION_MUL, // the accumulator with memory
    OPERATION_IMUL,
    OPERATION_DIV,
    OPERATION_IDIV,
    OPERATION_IMUL_REGISTER,  // `reg` times memory
    OPERATION_IMUL_IMMEDIATE, // memory times `immediate`
    OPERATION_BSF,
    OPERATION_BSR,
    OPERATION_TZCNT,
    OPERATION_LZCNT,
    OPERATION_POPCNT,
    OPERATION_CRC32,
    OPERATION_STORE_SEGMENT, // MOV from segment register `reg`
    OPERATION_SLDT,
    OPERATION_STR,
    OPERATION_SMSW, // SMSW to CLTS: emulate_status_word takes these
    OPERATION_LMSW,
    OPERATION_CLTS,
    OPERATION_CACHE, // CLFLUSH, CLFLUSHOPT, CLWB: have the faults of a read, and do nothing
    OPERATION_PUSH,
    OPERATION_POP,
    OPERATION_VECTOR, // `vector` says more
    OPERATION_MOVS,   // string instructions from here on
    OPERATION_CMPS,
    OPERATION_STOS,
    OPERATION_LODS,
    OPERATION_SCAS,
    OPERATION_INS,
    OPERATION_OUTS,
    OPERATION_MOV_CONTROL,
    OPERATION_MOV_DEBUG,
    OPERATION_COUNT
};

// The place of an operand.
enum operand {
    OPERAND_NONE,
    OPERAND_REGISTER, // `reg`
    OPERAND_RM,       // `rm`, or memory if `has_memory`
    OPERAND_IMMEDIATE,
    OPERAND_SPECIAL, // MOV_CONTROL, MOV_DEBUG: the register number `reg`
};

enum instruction_encoding { ENCODING_LEGACY, ENCODING_VEX, ENCODING_EVEX };

// What a vector instruction makes of its memory operand and its first source.
enum vector_operation {
    VECTOR_MOVE, // the operand, and 0 behind it
    VECTOR_LOW,  // the operand, then the upper half of the first source
    VECTOR_HIGH, // the lower half of the first source, then the operand
    VECTOR_REPEAT_EVEN,
    VECTOR_REPEAT_ODD,
    VECTOR_BROADCAST,
    VECTOR_INSERT,       // the first source with the operand as one of its elements
    VECTOR_INSERT_FLOAT, // INSERTPS
    VECTOR_EXTEND_SIGN,
    VECTOR_EXTEND_ZERO,
    VECTOR_UNPACK_LOW,
    VECTOR_UNPACK_HIGH,
    VECTOR_SHUFFLE,       // PSHUFD
    VECTOR_SHUFFLE_BYTES, // PSHUFB
    VECTOR_AND,
    VECTOR_AND_NOT, // the first source is inverted
    VECTOR_OR,
    VECTOR_XOR,
    VECTOR_EQUAL,
    VECTOR_GREATER,
    VECTOR_ADD,
    VECTOR_SUBTRACT,
    VECTOR_MINIMUM,
    VECTOR_MAXIMUM,
    VECTOR_MINIMUM_SIGNED,
    VECTOR_MAXIMUM_SIGNED,
    VECTOR_TEST,        // only flags
    VECTOR_MASKED_LOAD, // VMASKMOV, VPMASKMOV: the first source is the mask
    VECTOR_STORE,       // the operations from here on write memory
    VECTOR_STORE_HIGH,  // the second 8 bytes
    VECTOR_EXTRACT,
    VECTOR_MASKED_STORE,
};

struct vector_instruction {
    uint8_t operation; // enum vector_operation
    uint8_t encoding;  // enum instruction_encoding
    uint8_t width;     // of the vector registers, bytes: 8 (MMX), 16, 32, 64
    uint8_t bytes;     // of the memory operand, up to `width`
    uint8_t element;   // bytes
    uint8_t reg;       // enum vector_number
    uint8_t first;     // the first source, likewise
    uint8_t mask;      // number of the mask register; 0: none
    bool zeroing;      // masked elements become 0
    bool aligned;      // #GP if the operand is not
};

enum repeat_prefix { REPEAT_NONE, REPEAT_EQUAL /* F3 */, REPEAT_NOT_EQUAL /* F2 */ };

// A general register as an operand.
struct register_operand {
    uint8_t number; // enum guest_gpr
    bool high_byte; // AH, CH, DH, BH: bits 8 to 15 of the register
};

struct instruction {
    uint8_t operation;     // enum operation
    uint8_t length;        // bytes
    uint8_t width;         // of the operands, bytes: 1, 2, 4, 8
    uint8_t source_width;  // of the source; differs from `width` for MOVZX and MOVSX
    uint8_t address_width; // bytes: 2, 4, 8
    uint8_t repeat;        // enum repeat_prefix, string instructions only
    uint8_t destination;   // enum operand
    uint8_t source;        // enum operand
    bool has_memory;       // OPERAND_RM is memory
    bool lock;
    bool count_in_cl;  // a shift's count is CL, not `immediate`
    bool rip_relative; // the address counts from the end of the instruction
    struct register_operand reg;
    struct register_operand rm;

    // The memory operand is at base + index * scale + displacement, cut to address_width, in
    // `segment`. A string instruction has only the segment of its source here.
    uint8_t segment; // enum guest_segment
    uint8_t base;    // enum guest_gpr, or NO_REGISTER
    uint8_t index;   // enum guest_gpr, or NO_REGISTER
    uint8_t scale;   // 1, 2, 4, 8
    int64_t displacement;

    struct vector_instruction vector; // valid for OPERATION_VECTOR

    uint64_t immediate; // sign-extended to 64 bits; of SHLD and IMUL_IMMEDIATE beside the source
};

enum code_size { CODE_16, CODE_32, CODE_64 };

enum decode_result {
    DECODE_OK,
    DECODE_TRUNCATED, // the instruction goes on after the last given byte
    DECODE_TOO_LONG,  // more than 15 bytes: #GP(0)
    DECODE_UNDEFINED, // #UD: LOCK where it is not allowed, or a form that does not exist
    DECODE_UNKNOWN,   // this decoder does not know it, but it may exist
};

// Decodes the instruction at the start of `bytes`. Only the first 15 of the `count` bytes are read.
// `instruction` is valid if the result is DECODE_OK.
enum decode_result instruction_decode(const uint8_t *bytes, unsigned count, enum code_size size,
                                      struct instruction *instruction);
