// SPDX-License-Identifier: MIT
// What the two halves of the decoder share: the bytes, the position in them, and the prefixes.
#pragma once

#include "vmm/emulate/decode.h"
#include "vmm/util/types.h"

struct instruction_form;

enum rex_bits { REX_B = BIT(0), REX_X = BIT(1), REX_R = BIT(2), REX_W = BIT(3) };

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
