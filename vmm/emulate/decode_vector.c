// SPDX-License-Identifier: MIT
// Decodes what vector instructions have beside others: the prefixes VEX and EVEX (SDM Vol. 2A 2.3,
// 2.7), and the widths of their operands.
#include "vmm/backend.h"
#include "vmm/emulate/decode.h"
#include "vmm/emulate/decode_forms.h"
#include "vmm/emulate/decode_internal.h"
#include "vmm/emulate/decode_vector_forms.h"
#include "vmm/util/types.h"

enum vector_escapes { ESCAPE_EVEX = 0x62, ESCAPE_VEX3 = 0xc4, ESCAPE_VEX2 = 0xc5 };

enum vex_bits {
    VEX_NOT_R = BIT(7), // of the byte behind the escape; X and B follow
    VEX_MAP_MASK = 0x1f,
    VEX_W = BIT(7), // of the last byte of VEX3, and of EVEX's second
    VEX_L = BIT(2),
    VEX_PREFIX_MASK = 3,
};

enum evex_bits {
    EVEX_NOT_HIGH_R = BIT(4), // of the first byte behind the escape
    EVEX_ZERO_1 = BIT(3),     // must be 0
    EVEX_MAP_MASK = 7,
    EVEX_ONE_2 = BIT(2),   // of the second byte: must be 1
    EVEX_ZEROING = BIT(7), // of the third byte
    EVEX_LENGTH_SHIFT = 5,
    EVEX_BROADCAST = BIT(4),
    EVEX_NOT_HIGH_V = BIT(3),
    EVEX_MASK_MASK = 7,
};

// Prefixes that the escape replaces: #UD (SDM Vol. 2A 2.3.2 to 2.3.4).
static bool has_other_prefixes(const struct decoder *decoder)
{
    return decoder->rex != 0 || decoder->operand_size || decoder->repeat != REPEAT_NONE ||
           decoder->lock;
}

static void take_registers(struct decoder *decoder, uint8_t inverted, uint8_t w)
{
    uint8_t bits = (uint8_t)~inverted >> 5; // R, X, B
    decoder->rex = 0;
    if (decoder->size == CODE_64) {
        decoder->rex = (uint8_t)(((bits & 4) != 0 ? REX_R : 0) | ((bits & 2) != 0 ? REX_X : 0) |
                                 ((bits & 1) != 0 ? REX_B : 0));
    }
    decoder->vector.w = (w & VEX_W) != 0;
}

// VEX.vvvv and the mandatory prefix.
static void take_first(struct decoder *decoder, uint8_t byte)
{
    decoder->vector.first = ~byte >> 3 & 0xf;
    decoder->vector.prefix = byte & VEX_PREFIX_MASK;
}

static void take_vex2(struct decoder *decoder, const uint8_t *bytes, struct opcode *opcode)
{
    take_registers(decoder, bytes[0] | 0x7f, 0);
    take_first(decoder, bytes[0]);
    decoder->vector.length = (bytes[0] & VEX_L) != 0;
    opcode->map = MAP_0F;
}

static void take_vex3(struct decoder *decoder, const uint8_t *bytes, struct opcode *opcode)
{
    take_registers(decoder, bytes[0], bytes[1]);
    take_first(decoder, bytes[1]);
    decoder->vector.length = (bytes[1] & VEX_L) != 0;
    opcode->map = bytes[0] & VEX_MAP_MASK;
}

static bool take_evex(struct decoder *decoder, const uint8_t *bytes, struct opcode *opcode)
{
    struct vector_prefixes *vector = &decoder->vector;
    bool wide = decoder->size == CODE_64;
    take_registers(decoder, bytes[0], bytes[1]);
    take_first(decoder, bytes[1]);
    vector->high_register = wide && (bytes[0] & EVEX_NOT_HIGH_R) == 0;
    vector->first |= wide && (bytes[2] & EVEX_NOT_HIGH_V) == 0 ? 16 : 0;
    vector->length = bytes[2] >> EVEX_LENGTH_SHIFT & 3;
    vector->mask = bytes[2] & EVEX_MASK_MASK;
    vector->zeroing = (bytes[2] & EVEX_ZEROING) != 0;
    opcode->map = bytes[0] & EVEX_MAP_MASK;
    return (bytes[0] & EVEX_ZERO_1) == 0 && (bytes[1] & EVEX_ONE_2) != 0 &&
           (bytes[2] & EVEX_BROADCAST) == 0 && vector->length < 3;
}

// Reads the escape's own bytes and the opcode. There are `count` of the former.
static enum decode_result read_escape(struct decoder *decoder, unsigned count,
                                      struct opcode *opcode)
{
    const uint8_t *bytes = decoder->bytes + decoder->at;
    bool valid = !has_other_prefixes(decoder);
    if (!decoder_has(decoder, count + 1)) {
        return decoder_end(decoder, count + 1);
    }
    decoder->vector.encoding = count == 3 ? ENCODING_EVEX : ENCODING_VEX;
    if (count == 1) {
        take_vex2(decoder, bytes, opcode);
    } else if (count == 2) {
        take_vex3(decoder, bytes, opcode);
    } else {
        valid &= take_evex(decoder, bytes, opcode);
    }
    if (decoder->size != CODE_64) {
        decoder->vector.first &= 7;
    }
    opcode->byte = bytes[count];
    decoder->at += count + 1;
    return valid ? DECODE_OK : DECODE_UNDEFINED;
}

enum decode_result decoder_read_vector_escape(struct decoder *decoder, struct opcode *opcode)
{
    if (opcode->byte != ESCAPE_EVEX && opcode->byte != ESCAPE_VEX3 && opcode->byte != ESCAPE_VEX2) {
        return DECODE_OK;
    }
    if (decoder->size != CODE_64) {
        // Two bits say whether it is an escape, or LES, LDS or BOUND with a memory operand.
        if (!decoder_has(decoder, 1)) {
            return decoder_end(decoder, 1);
        }
        if (decoder->bytes[decoder->at] >> 6 != 3) {
            return DECODE_OK;
        }
    }
    return read_escape(decoder,
                       opcode->byte == ESCAPE_VEX2   ? 1
                       : opcode->byte == ESCAPE_VEX3 ? 2
                                                     : 3,
                       opcode);
}

// The mandatory prefix of an instruction without VEX.
static uint8_t legacy_prefix(const struct decoder *decoder)
{
    switch (decoder->repeat) {
    case REPEAT_EQUAL:
        return PREFIX_F3;
    case REPEAT_NOT_EQUAL:
        return PREFIX_F2;
    default:
        return decoder->operand_size ? PREFIX_66 : PREFIX_NONE;
    }
}

bool decoder_find_vector_form(struct decoder *decoder, struct opcode opcode,
                              struct instruction_form *form)
{
    struct vector_prefixes *vector = &decoder->vector;
    struct vector_key key = {vector->encoding, opcode.map, vector->prefix, opcode.byte, false};
    if (vector->encoding == ENCODING_LEGACY) {
        vector->prefix = key.prefix = legacy_prefix(decoder);
        vector->w = (decoder->rex & REX_W) != 0;
    }
    key.w = vector->w && vector->encoding == ENCODING_EVEX;
    vector->form = vector_form_find(&key);
    if (!vector->form) {
        return false;
    }
    *form = (struct instruction_form){.operation = OPERATION_VECTOR};
    if ((vector->form->flags & VECTOR_IMM8) != 0) {
        form->layout =
            vector->form->operation < VECTOR_STORE ? LAYOUT_REG_RM_IMM8 : LAYOUT_RM_REG_IMM8;
    } else {
        form->layout = vector->form->operation < VECTOR_STORE ? LAYOUT_REG_RM : LAYOUT_RM_REG;
    }
    return true;
}

static uint8_t register_width(const struct vector_prefixes *vector)
{
    bool mmx = vector->encoding == ENCODING_LEGACY && vector->prefix != vector->form->prefix;
    return mmx ? 8 : (uint8_t)(16 << vector->length);
}

static uint8_t operand_bytes(const struct vector_prefixes *vector, uint8_t bytes, uint8_t width)
{
    switch (bytes) {
    case BYTES_REGISTER:
    case BYTES_HALF:
    case BYTES_QUARTER:
    case BYTES_EIGHTH:
        return (uint8_t)(width >> (bytes - BYTES_REGISTER));
    case BYTES_W:
        return vector->w ? 8 : 4;
    case BYTES_DUP:
        return width == 16 ? 8 : width;
    default:
        return bytes;
    }
}

void decoder_set_vector(const struct decoder *decoder, struct vector_instruction *out)
{
    const struct vector_prefixes *vector = &decoder->vector;
    const struct vector_form *form = vector->form;
    *out = (struct vector_instruction){.operation = form->operation,
                                       .encoding = vector->encoding,
                                       .width = register_width(vector),
                                       .first = vector->first,
                                       .mask = vector->mask,
                                       .zeroing = vector->zeroing};
    out->bytes = operand_bytes(vector, form->bytes, out->width);
    out->element = form->element != 0 ? operand_bytes(vector, form->element, 0) : out->bytes;
    out->aligned = (form->flags & VECTOR_ALIGNED) != 0 && out->width > 8;
}

void decoder_set_vector_registers(const struct decoder *decoder, struct instruction *out)
{
    struct vector_instruction *vector = &out->vector;
    unsigned number = out->reg.number + (decoder->vector.high_register ? 16 : 0);
    if (vector->width == 8) {
        number = VECTOR_MM0 + (number & 7); // REX.R does not count
    }
    vector->reg = (uint8_t)number;
    if (vector->encoding == ENCODING_LEGACY) {
        vector->first = vector->reg;
    }
}

bool decoder_vector_exists(const struct decoder *decoder)
{
    const struct vector_prefixes *vector = &decoder->vector;
    uint16_t flags = vector->form->flags;
    bool has_first = (flags & VECTOR_FIRST) != 0;
    if (vector->encoding == ENCODING_LEGACY) {
        return true;
    }
    if (((flags & VECTOR_L0) != 0 && vector->length != 0) ||
        ((flags & VECTOR_L1) != 0 && vector->length != 1) || (!has_first && vector->first != 0)) {
        return false;
    }
    if (vector->mask == 0) {
        return !vector->zeroing;
    }
    return (flags & VECTOR_UNMASKED) == 0 &&
           !(vector->zeroing && vector->form->operation >= VECTOR_STORE);
}
