// SPDX-License-Identifier: MIT
// Decodes an instruction: prefixes, opcode, immediate (SDM Vol. 2A chapter 2).
#include "vmm/emulate/decode.h"

#include "vmm/backend.h"
#include "vmm/emulate/decode_forms.h"
#include "vmm/emulate/decode_internal.h"

// CR0, CR2, CR3, CR4, CR8
#define CONTROL_REGISTERS (BIT(0) | BIT(2) | BIT(3) | BIT(4) | BIT(8))

#define MODRM_REGISTER 0xc0 // from here on rm is a register

enum opcode_escapes { ESCAPE_0F = 0x0f, ESCAPE_0F38 = 0x38, ESCAPE_0F3A = 0x3a };

static bool override_segment(struct decoder *decoder, enum guest_segment segment)
{
    // In 64-bit mode the other four are ignored (SDM Vol. 1 3.4.4).
    if (decoder->size != CODE_64 || segment >= SEGMENT_FS) {
        decoder->segment = (uint8_t)segment;
    }
    return true;
}

// Whether the byte is a prefix. If so, remembers it.
static bool take_prefix(struct decoder *decoder, uint8_t byte)
{
    switch (byte) {
    case 0x26:
        return override_segment(decoder, SEGMENT_ES);
    case 0x2e:
        return override_segment(decoder, SEGMENT_CS);
    case 0x36:
        return override_segment(decoder, SEGMENT_SS);
    case 0x3e:
        return override_segment(decoder, SEGMENT_DS);
    case 0x64:
        return override_segment(decoder, SEGMENT_FS);
    case 0x65:
        return override_segment(decoder, SEGMENT_GS);
    case 0x66:
        decoder->operand_size = true;
        return true;
    case 0x67:
        decoder->address_size = true;
        return true;
    case 0xf0:
        decoder->lock = true;
        return true;
    case 0xf2:
        decoder->repeat = REPEAT_NOT_EQUAL;
        return true;
    case 0xf3:
        decoder->repeat = REPEAT_EQUAL;
        return true;
    default:
        return false;
    }
}

// Reads all prefixes and the first byte of the opcode.
static enum decode_result read_prefixes(struct decoder *decoder, uint8_t *opcode)
{
    for (;;) {
        uint8_t byte;
        if (!decoder_has(decoder, 1)) {
            return decoder_end(decoder, 1);
        }
        byte = decoder->bytes[decoder->at++];
        if (decoder->size == CODE_64 && (byte & 0xf0) == 0x40) {
            decoder->rex = byte;
        } else if (take_prefix(decoder, byte)) {
            decoder->rex = 0; // a REX prefix counts only right before the opcode
        } else {
            *opcode = byte;
            return DECODE_OK;
        }
    }
}

static uint8_t operand_width(const struct decoder *decoder, struct instruction_form form)
{
    if ((form.flags & FORM_BYTE) != 0) {
        return 1;
    }
    if ((form.flags & FORM_WORD) != 0 && decoder->bytes[decoder->at] < MODRM_REGISTER) {
        return 2;
    }
    if (form.layout == LAYOUT_RM_SPECIAL || form.layout == LAYOUT_SPECIAL_RM) {
        return decoder->size == CODE_64 ? 8 : 4;
    }
    if ((decoder->rex & REX_W) != 0) {
        return 8;
    }
    if ((form.flags & FORM_WIDE_4) != 0) {
        return 4;
    }
    if ((form.flags & FORM_WIDE_64) != 0 && decoder->size == CODE_64) {
        return decoder->operand_size ? 2 : 8;
    }
    return (decoder->size == CODE_16) == decoder->operand_size ? 4 : 2;
}

static uint8_t address_width(const struct decoder *decoder)
{
    if (decoder->size == CODE_64) {
        return decoder->address_size ? 4 : 8;
    }
    return (decoder->size == CODE_16) == decoder->address_size ? 4 : 2;
}

static void set_operands(enum form_layout layout, struct instruction *out)
{
    static const struct {
        uint8_t destination;
        uint8_t source;
    } operands[] = {
        [LAYOUT_NONE] = {OPERAND_NONE, OPERAND_NONE},
        [LAYOUT_RM_REG] = {OPERAND_RM, OPERAND_REGISTER},
        [LAYOUT_REG_RM] = {OPERAND_REGISTER, OPERAND_RM},
        [LAYOUT_RM] = {OPERAND_RM, OPERAND_NONE},
        [LAYOUT_RM_IMM] = {OPERAND_RM, OPERAND_IMMEDIATE},
        [LAYOUT_RM_IMM8] = {OPERAND_RM, OPERAND_IMMEDIATE},
        [LAYOUT_RM_ONE] = {OPERAND_RM, OPERAND_IMMEDIATE},
        [LAYOUT_REG_RM_IMM] = {OPERAND_REGISTER, OPERAND_RM},
        [LAYOUT_REG_RM_IMM8] = {OPERAND_REGISTER, OPERAND_RM},
        [LAYOUT_RM_REG_IMM8] = {OPERAND_RM, OPERAND_REGISTER},
        [LAYOUT_ACC_MOFFS] = {OPERAND_REGISTER, OPERAND_RM},
        [LAYOUT_MOFFS_ACC] = {OPERAND_RM, OPERAND_REGISTER},
        [LAYOUT_STRING] = {OPERAND_NONE, OPERAND_NONE},
        [LAYOUT_ALONE] = {OPERAND_NONE, OPERAND_NONE},
        [LAYOUT_RM_SPECIAL] = {OPERAND_RM, OPERAND_SPECIAL},
        [LAYOUT_SPECIAL_RM] = {OPERAND_SPECIAL, OPERAND_RM},
    };

    out->destination = operands[layout].destination;
    out->source = operands[layout].source;
}

static enum decode_result read_immediate(struct decoder *decoder, unsigned bytes,
                                         struct instruction *out)
{
    int64_t number = 0;
    enum decode_result result = decoder_read_number(decoder, bytes, &number);
    out->immediate = (uint64_t)number;
    return result;
}

// Reads the immediate that ends the instruction, if there is one.
static enum decode_result read_last(struct decoder *decoder, struct instruction_form form,
                                    struct instruction *out)
{
    switch (form.layout) {
    case LAYOUT_RM_IMM:
    case LAYOUT_REG_RM_IMM:
        return read_immediate(decoder, MIN(out->width, 4), out);
    case LAYOUT_RM_IMM8:
    case LAYOUT_REG_RM_IMM8:
    case LAYOUT_RM_REG_IMM8:
        return read_immediate(decoder, 1, out);
    case LAYOUT_RM_ONE:
        out->immediate = 1;
        return DECODE_OK;
    default:
        return DECODE_OK;
    }
}

static enum decode_result read_operands(struct decoder *decoder, struct instruction_form form,
                                        struct instruction *out)
{
    enum decode_result result;
    switch (form.layout) {
    case LAYOUT_STRING:
        out->has_memory = true;
        out->repeat = decoder->repeat;
        return DECODE_OK;
    case LAYOUT_ACC_MOFFS:
    case LAYOUT_MOFFS_ACC:
        out->has_memory = true;
        return decoder_read_number(decoder, out->address_width, &out->displacement);
    case LAYOUT_ALONE:
        return DECODE_OK;
    default:
        break;
    }
    if (decoder->vector.form) {
        decoder_set_vector(decoder, &out->vector); // the displacement counts in its widths
    }
    result = decoder_read_modrm(decoder, form, out);
    if (decoder->vector.form) {
        decoder_set_vector_registers(decoder, out);
    }
    return result == DECODE_OK ? read_last(decoder, form, out) : result;
}

static enum decode_result read_byte(struct decoder *decoder, uint8_t *byte)
{
    if (!decoder_has(decoder, 1)) {
        return decoder_end(decoder, 1);
    }
    *byte = decoder->bytes[decoder->at++];
    return DECODE_OK;
}

// Reads the bytes of the opcode that follow the first one, which is in `opcode`.
static enum decode_result read_escapes(struct decoder *decoder, struct opcode *opcode)
{
    enum decode_result result;
    opcode->map = MAP_ONE_BYTE;
    if (opcode->byte != ESCAPE_0F) {
        return decoder_read_vector_escape(decoder, opcode);
    }
    opcode->map = MAP_0F;
    result = read_byte(decoder, &opcode->byte);
    if (result == DECODE_OK && (opcode->byte == ESCAPE_0F38 || opcode->byte == ESCAPE_0F3A)) {
        opcode->map = opcode->byte == ESCAPE_0F38 ? MAP_0F38 : MAP_0F3A;
        return read_byte(decoder, &opcode->byte);
    }
    return result;
}

// Finds the form of the opcode. Looks at ModRM.
static enum decode_result read_form(struct decoder *decoder, struct opcode *opcode,
                                    struct instruction_form *form)
{
    bool legacy = decoder->vector.encoding == ENCODING_LEGACY;
    if (legacy) {
        *form = instruction_form_at(*opcode);
    }
    if (form->layout >= LAYOUT_WITHOUT_MODRM) {
        return DECODE_OK;
    }
    if (form->layout == LAYOUT_NONE && !(legacy && instruction_form_is_group(*opcode)) &&
        !decoder_find_vector_form(decoder, *opcode, form)) {
        return DECODE_UNKNOWN;
    }
    if (!decoder_has(decoder, 1)) {
        return decoder_end(decoder, 1);
    }
    if (decoder->vector.form) {
        return DECODE_OK;
    }
    opcode->extension = decoder->bytes[decoder->at] >> 3 & 7;
    *form = instruction_form_at(*opcode);
    return form->layout == LAYOUT_NONE ||
                   ((form->flags & FORM_ONLY_64) != 0 && decoder->size != CODE_64) ||
                   ((form->flags & FORM_PREFIX_66) != 0 && !decoder->operand_size)
               ? DECODE_UNKNOWN
               : DECODE_OK;
}

// Whether the instruction's control, debug or segment register exists.
static bool special_exists(const struct instruction *instruction)
{
    switch (instruction->operation) {
    case OPERATION_MOV_CONTROL:
        return instruction->reg.number <= 8 &&
               (BIT(instruction->reg.number) & CONTROL_REGISTERS) != 0;
    case OPERATION_MOV_DEBUG:
        return instruction->reg.number < 8;
    case OPERATION_STORE_SEGMENT:
        return instruction->reg.number <= SEGMENT_GS;
    default:
        return true;
    }
}

// #UD for an encoding that is well-formed but does not exist.
static enum decode_result check_form(const struct decoder *decoder, struct instruction_form form,
                                     const struct instruction *instruction)
{
    bool lockable = (form.flags & FORM_LOCK) != 0 && instruction->has_memory &&
                    instruction->destination == OPERAND_RM;
    bool non_temporal = (form.flags & FORM_NON_TEMPORAL) != 0;
    if ((decoder->lock && !lockable) ||
        (non_temporal && (!instruction->has_memory || decoder->operand_size)) ||
        !special_exists(instruction) || (decoder->vector.form && !decoder_vector_exists(decoder))) {
        return DECODE_UNDEFINED;
    }
    return DECODE_OK;
}

static uint8_t source_width(struct instruction_form form, uint8_t width)
{
    if ((form.flags & FORM_SOURCE_1) != 0) {
        return 1;
    }
    if ((form.flags & FORM_SOURCE_2) != 0) {
        return 2;
    }
    return (form.flags & FORM_SOURCE_4) != 0 ? MIN(width, 4) : width;
}

// Reads up to the opcode, and finds its form.
static enum decode_result read_opcode(struct decoder *decoder, struct opcode *opcode,
                                      struct instruction_form *form)
{
    enum decode_result result = read_prefixes(decoder, &opcode->byte);
    if (result == DECODE_OK) {
        result = read_escapes(decoder, opcode);
    }
    if (result != DECODE_OK) {
        return result;
    }
    opcode->repeat = decoder->repeat;
    return read_form(decoder, opcode, form);
}

enum decode_result instruction_decode(const uint8_t *bytes, unsigned count, enum code_size size,
                                      struct instruction *instruction)
{
    struct decoder decoder = {.bytes = bytes,
                              .count = MIN(count, INSTRUCTION_BYTES_MAX),
                              .size = size,
                              .segment = SEGMENT_COUNT};
    struct instruction_form form = {0};
    struct opcode opcode = {0};
    enum decode_result result = read_opcode(&decoder, &opcode, &form);
    if (result != DECODE_OK) {
        return result;
    }
    *instruction = (struct instruction){.operation = form.operation,
                                        .width = operand_width(&decoder, form),
                                        .address_width = address_width(&decoder),
                                        .lock = decoder.lock,
                                        .count_in_cl = (form.flags & FORM_COUNT_CL) != 0,
                                        .segment = SEGMENT_DS,
                                        .base = NO_REGISTER,
                                        .index = NO_REGISTER,
                                        .scale = 1};
    instruction->source_width = source_width(form, instruction->width);
    set_operands(form.layout, instruction);
    result = read_operands(&decoder, form, instruction);
    if (decoder.segment != SEGMENT_COUNT) {
        instruction->segment = decoder.segment;
    }
    if ((form.flags & FORM_CONDITION) != 0) {
        instruction->immediate = opcode.byte & 0xf;
    }
    instruction->length = (uint8_t)decoder.at;
    return result == DECODE_OK ? check_form(&decoder, form, instruction) : result;
}
