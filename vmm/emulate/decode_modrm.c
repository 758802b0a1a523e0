// SPDX-License-Identifier: MIT
// Decodes ModRM, SIB and the displacement into operands (SDM Vol. 2A 2.1.3 to 2.2.1).
#include "vmm/backend.h"
#include "vmm/emulate/decode.h"
#include "vmm/emulate/decode_forms.h"
#include "vmm/emulate/decode_internal.h"
#include "vmm/util/types.h"

enum decode_result decoder_end(const struct decoder *decoder, unsigned bytes)
{
    return decoder->at + bytes > INSTRUCTION_BYTES_MAX ? DECODE_TOO_LONG : DECODE_TRUNCATED;
}

bool decoder_has(const struct decoder *decoder, unsigned bytes)
{
    return bytes <= decoder->count - decoder->at;
}

enum decode_result decoder_read_number(struct decoder *decoder, unsigned bytes, int64_t *number)
{
    const uint8_t *from = decoder->bytes + decoder->at;
    int16_t word;
    int32_t dword;
    if (!decoder_has(decoder, bytes)) {
        return decoder_end(decoder, bytes);
    }
    decoder->at += bytes;
    switch (bytes) {
    case 1:
        *number = (int8_t)*from;
        break;
    case 2:
        __builtin_memcpy(&word, from, sizeof(word));
        *number = word;
        break;
    case 4:
        __builtin_memcpy(&dword, from, sizeof(dword));
        *number = dword;
        break;
    default: // 8
        __builtin_memcpy(number, from, sizeof(*number));
        break;
    }
    return DECODE_OK;
}

// A register of `width` bytes by its number in an instruction.
static struct register_operand register_at(const struct decoder *decoder, unsigned number,
                                           unsigned width)
{
    if (width == 1 && decoder->rex == 0 && number >= 4) {
        return (struct register_operand){.number = (uint8_t)(number - 4), .high_byte = true};
    }
    return (struct register_operand){.number = (uint8_t)number};
}

// The memory operand of ModRM with 16-bit addresses (SDM Vol. 2A table 2-1).
static enum decode_result read_address16(struct decoder *decoder, uint8_t modrm,
                                         struct instruction *out)
{
    static const struct {
        uint8_t base;
        uint8_t index;
    } forms[8] = {
        {GPR_RBX, GPR_RSI},     {GPR_RBX, GPR_RDI},     {GPR_RBP, GPR_RSI},
        {GPR_RBP, GPR_RDI},     {GPR_RSI, NO_REGISTER}, {GPR_RDI, NO_REGISTER},
        {GPR_RBP, NO_REGISTER}, {GPR_RBX, NO_REGISTER},
    };
    unsigned mod = modrm >> 6;
    unsigned rm = modrm & 7;
    if (mod == 0 && rm == 6) {
        return decoder_read_number(decoder, 2, &out->displacement);
    }
    out->base = forms[rm].base;
    out->index = forms[rm].index;
    if (out->base == GPR_RBP) {
        out->segment = SEGMENT_SS;
    }
    return mod == 0 ? DECODE_OK : decoder_read_number(decoder, mod, &out->displacement);
}

// Reads the SIB byte. `has_base` becomes false where a displacement of 4 bytes replaces the base.
static enum decode_result read_sib(struct decoder *decoder, unsigned mod, struct instruction *out,
                                   bool *has_base)
{
    uint8_t sib;
    unsigned index;
    if (!decoder_has(decoder, 1)) {
        return decoder_end(decoder, 1);
    }
    sib = decoder->bytes[decoder->at++];
    index = (sib >> 3 & 7) | ((decoder->rex & REX_X) != 0 ? 8 : 0);
    if (index != GPR_RSP) {
        out->index = (uint8_t)index;
        out->scale = (uint8_t)(1 << (sib >> 6));
    }
    *has_base = (sib & 7) != GPR_RBP || mod != 0;
    out->base = (uint8_t)((sib & 7) | ((decoder->rex & REX_B) != 0 ? 8 : 0));
    return DECODE_OK;
}

// The memory operand of ModRM with 32-bit or 64-bit addresses (SDM Vol. 2A tables 2-2, 2-3).
static enum decode_result read_address(struct decoder *decoder, uint8_t modrm,
                                       struct instruction *out)
{
    unsigned mod = modrm >> 6;
    unsigned rm = modrm & 7;
    bool has_base = rm != GPR_RBP || mod != 0;
    if (rm == GPR_RSP) {
        enum decode_result result = read_sib(decoder, mod, out, &has_base);
        if (result != DECODE_OK) {
            return result;
        }
    } else {
        out->base = (uint8_t)(rm | ((decoder->rex & REX_B) != 0 ? 8 : 0));
        out->rip_relative = !has_base && decoder->size == CODE_64;
    }
    if (!has_base) {
        out->base = NO_REGISTER;
        return decoder_read_number(decoder, 4, &out->displacement);
    }
    if (out->base == GPR_RSP || out->base == GPR_RBP) {
        out->segment = SEGMENT_SS;
    }
    return mod == 0 ? DECODE_OK
                    : decoder_read_number(decoder, mod == 1 ? 1 : 4, &out->displacement);
}

enum decode_result decoder_read_modrm(struct decoder *decoder, struct instruction_form form,
                                      struct instruction *out)
{
    uint8_t modrm = decoder->bytes[decoder->at++];
    unsigned reg = (modrm >> 3 & 7) | ((decoder->rex & REX_R) != 0 ? 8 : 0);
    unsigned rm = (modrm & 7) | ((decoder->rex & REX_B) != 0 ? 8 : 0);
    enum decode_result result;
    bool special = form.layout == LAYOUT_RM_SPECIAL || form.layout == LAYOUT_SPECIAL_RM;
    out->reg = special ? (struct register_operand){.number = (uint8_t)reg}
                       : register_at(decoder, reg, out->width);
    if (modrm >> 6 == 3 || special) {
        out->rm =
            register_at(decoder, rm, form.layout == LAYOUT_REG_RM ? out->source_width : out->width);
        return DECODE_OK;
    }
    out->has_memory = true;
    result = out->address_width == 2 ? read_address16(decoder, modrm, out)
                                     : read_address(decoder, modrm, out);
    if (decoder->vector.encoding == ENCODING_EVEX && modrm >> 6 == 1) {
        out->displacement *= out->vector.bytes; // SDM Vol. 2A 2.7.5
    }
    return result;
}
