// SPDX-License-Identifier: MIT
// What the two halves of the decoder share: the bytes, the position in them, and the prefixes.
#pragma once

#include "vmm/emulate/decode.h"
#include "vmm/util/types.h"

struct instruction_form;
struct opcode;

enum rex_bits { REX_B = BIT(0), REX_X = BIT(1), REX_R = BIT(2), REX_W = BIT(3) };

// What VEX and EVEX say, and the mandatory prefix of other vector instructions.
struct vector_prefixes {
    const struct vector_form *form; // NULL: the instruction is none of them
    uint8_t encoding;               // enum instruction_encoding
    uint8_t prefix;                 // enum vector_prefix
    uint8_t length;                 // registers of 16 << length bytes
    uint8_t first;                  // vvvv, no longer inverted
    uint8_t mask;
    bool zeroing;
    bool high_register; // the register of ModRM is one of 16 to 31
    bool w;
};

// The bytes, the position of the next one, and what the prefixes said.
struct decoder {
    const uint8_t *bytes;
    unsigned count;
    unsigned at;
    enum code_size size;
    uint8_t rex; // 0: none
    uint8_t repeat;
    uint8_t segment; // SEGMENT_COUNT: no override
    bool operand_size;
    bool address_size;
    bool lock;
    struct vector_prefixes vector;
};

bool decoder_has(const struct decoder *decoder, unsigned bytes);

// Why the next `bytes` cannot be read: DECODE_TRUNCATED or DECODE_TOO_LONG.
enum decode_result decoder_end(const struct decoder *decoder, unsigned bytes);

// The next `bytes` (1, 2, 4 or 8) as a signed number.
enum decode_result decoder_read_number(struct decoder *decoder, unsigned bytes, int64_t *number);

// Reads the ModRM byte and what follows it. Sets the registers and the memory operand of `out`,
// whose widths are set already. The ModRM byte itself must be there.
enum decode_result decoder_read_modrm(struct decoder *decoder, struct instruction_form form,
                                      struct instruction *out);

// If the byte in `opcode` is an escape to VEX or EVEX, reads what follows it, up to the opcode.
enum decode_result decoder_read_vector_escape(struct decoder *decoder, struct opcode *opcode);
// Looks in the table of vector instructions. False: the opcode is not there.
bool decoder_find_vector_form(struct decoder *decoder, struct opcode opcode,
                              struct instruction_form *form);
// Whether the found form exists with these prefixes.
bool decoder_vector_exists(const struct decoder *decoder);
// The widths of the found form, before ModRM is read, and its registers afterwards.
void decoder_set_vector(const struct decoder *decoder, struct vector_instruction *out);
void decoder_set_vector_registers(const struct decoder *decoder, struct instruction *out);
