// SPDX-License-Identifier: MIT
// How an emulated instruction reaches memory: segments, pages, then RAM or the bus.
#include "vmm/emulate/emulate_memory.h"

#include "arch/x86/registers.h"
#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/emulate/breakpoints.h"
#include "vmm/emulate/decode.h"
#include "vmm/emulate/emulate.h"
#include "vmm/emulate/emulate_fault.h"
#include "vmm/emulate/emulate_registers.h"
#include "vmm/emulate/emulate_state.h"
#include "vmm/exit.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/memory/guest_walk.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

// Types of code and data segments (SDM Vol. 3A 3.4.5.1).
enum segment_type_bits {
    TYPE_WRITABLE = BIT(1), // of data
    TYPE_READABLE = BIT(1), // of code
    TYPE_EXPAND_DOWN = BIT(2),
    TYPE_CODE = BIT(3),
};

// At most two pieces of memory, in two pages.
struct access_pieces {
    unsigned first_width; // the rest is in the second piece
    gpa_t first;
    gpa_t second;
};

static enum emulate_result segment_fault(struct emulator *emulator, enum guest_segment segment)
{
    return emulator_fault(emulator, segment == SEGMENT_SS ? VECTOR_SS : VECTOR_GP, 0);
}

static bool is_canonical(const struct emulator *emulator, uint64_t address)
{
    bool wide = (emulator->paging.cr4 & CR4_LA57) != 0;
    return address_is_canonical(address, wide ? LINEAR_BITS_LA57 : LINEAR_BITS);
}

static bool type_allows(const struct segment *segment, unsigned access)
{
    unsigned type = segment->attributes & SEGMENT_TYPE_MASK;
    if ((segment->attributes & SEGMENT_PRESENT) == 0) {
        return false;
    }
    if ((type & TYPE_CODE) != 0) {
        return (access & ACCESS_WRITE) == 0 && (type & TYPE_READABLE) != 0;
    }
    return (access & ACCESS_WRITE) == 0 || (type & TYPE_WRITABLE) != 0;
}

// Whether all bytes from `offset` to `last` lie in the segment (SDM Vol. 3A 5.3).
static bool limit_allows(const struct emulator *emulator, const struct segment *segment,
                         uint64_t offset, uint64_t last)
{
    unsigned type = segment->attributes & SEGMENT_TYPE_MASK;
    if (emulator->protected && (type & (TYPE_CODE | TYPE_EXPAND_DOWN)) == TYPE_EXPAND_DOWN) {
        uint64_t top = (segment->attributes & SEGMENT_DB) != 0 ? UINT32_MAX : UINT16_MAX;
        return offset > segment->limit && last <= top;
    }
    return last <= segment->limit;
}

static enum emulate_result linear_of_segment(struct emulator *emulator, enum guest_segment which,
                                             uint64_t offset, unsigned width, unsigned access,
                                             gva_t *linear)
{
    struct segment segment;
    emulator->ops->get_segment(emulator->vcpu, which, &segment);
    if ((emulator->protected && !type_allows(&segment, access)) ||
        !limit_allows(emulator, &segment, offset, offset + width - 1)) {
        return segment_fault(emulator, which);
    }
    *linear = gva((segment.base + offset) & UINT32_MAX);
    return EMULATE_DONE;
}

enum emulate_result emulator_linear(struct emulator *emulator, enum guest_segment segment,
                                    uint64_t offset, unsigned width, unsigned access, gva_t *linear)
{
    uint64_t address = offset;
    if (emulator->size != CODE_64) {
        return linear_of_segment(emulator, segment, offset, width, access, linear);
    }
    if (segment == SEGMENT_FS || segment == SEGMENT_GS) {
        struct segment hidden;
        emulator->ops->get_segment(emulator->vcpu, segment, &hidden);
        address += hidden.base;
    }
    if (!is_canonical(emulator, address) || !is_canonical(emulator, address + width - 1)) {
        return segment_fault(emulator, segment);
    }
    *linear = gva(address);
    return EMULATE_DONE;
}

enum emulate_result emulator_operand(struct emulator *emulator, int64_t adjust, unsigned width,
                                     unsigned access, gva_t *linear)
{
    const struct instruction *instruction = &emulator->instruction;
    uint64_t offset = (uint64_t)instruction->displacement + (uint64_t)adjust;
    if (instruction->rip_relative) {
        offset += emulator->rip + instruction->length;
    }
    if (instruction->base != NO_REGISTER) {
        offset += gpr_whole(emulator->vcpu, emulator->ops, instruction->base);
    }
    if (instruction->index != NO_REGISTER) {
        offset += gpr_whole(emulator->vcpu, emulator->ops, instruction->index) * instruction->scale;
    }
    return emulator_linear(emulator, instruction->segment,
                           low_bytes(offset, instruction->address_width), width, access, linear);
}

enum emulate_result emulator_translate(struct emulator *emulator, gva_t linear, unsigned access,
                                       struct walk_result *walk)
{
    if (guest_walk(emulator->memory, &emulator->paging, linear, access, walk) == WALK_MAPPED) {
        return EMULATE_DONE;
    }
    emulator->ops->set_register(emulator->vcpu, REG_CR2, linear.value);
    return emulator_fault(emulator, VECTOR_PF, walk->error_code);
}

// Like emulator_translate, but takes the address from the exit if the exit is of this access.
static enum emulate_result translate_data(struct emulator *emulator, gva_t linear, unsigned access,
                                          gpa_t *address)
{
    const struct exit_memory *exit = emulator->exit;
    struct walk_result walk;
    enum emulate_result result;
    if (exit && exit->gva_valid && exit->gva.value == linear.value && !exit->page_walk &&
        ((access & ACCESS_WRITE) == 0 || (exit->access & ACCESS_WRITE) != 0)) {
        *address = exit->gpa;
        return EMULATE_DONE;
    }
    result = emulator_translate(emulator, linear, access, &walk);
    *address = walk.gpa;
    return result;
}

static void look_for_breakpoints(struct emulator *emulator, gva_t linear, unsigned width,
                                 unsigned access)
{
    struct emulation *out = emulator->out;
    bool writes = access & ACCESS_WRITE;
    if (out->breakpoints) {
        out->met |= breakpoints_met(out->breakpoints, writes ? BREAKPOINT_WRITE : BREAKPOINT_READ,
                                    linear.value, width);
    }
}

static enum emulate_result find_pieces(struct emulator *emulator, gva_t linear, unsigned width,
                                       unsigned access, struct access_pieces *pieces)
{
    uint64_t room = PAGE_SIZE - (linear.value & (PAGE_SIZE - 1));
    enum emulate_result result;
    look_for_breakpoints(emulator, linear, width, access);
    pieces->first_width = (unsigned)MIN(width, room);
    result = translate_data(emulator, linear, access, &pieces->first);
    if (result == EMULATE_DONE && pieces->first_width < width) {
        uint64_t next = linear.value + room;
        result = translate_data(emulator, gva(emulator->size == CODE_64 ? next : next & UINT32_MAX),
                                access, &pieces->second);
    }
    return result;
}

// Reads a little-endian number with as few accesses as the processor makes.
static uint64_t read_ram(const uint8_t *from, unsigned width)
{
    uint64_t value = 0;
    switch (width) {
    case 1:
        return *from;
    case 2:
        __builtin_memcpy(&value, from, 2);
        return value;
    case 4:
        __builtin_memcpy(&value, from, 4);
        return value;
    case 8:
        __builtin_memcpy(&value, from, 8);
        return value;
    default:
        for (unsigned i = 0; i < width; i++) {
            value |= (uint64_t)from[i] << (8 * i);
        }
        return value;
    }
}

static void write_ram(uint8_t *to, unsigned width, uint64_t value)
{
    switch (width) {
    case 1:
        *to = (uint8_t)value;
        break;
    case 2:
        __builtin_memcpy(to, &value, 2);
        break;
    case 4:
        __builtin_memcpy(to, &value, 4);
        break;
    case 8:
        __builtin_memcpy(to, &value, 8);
        break;
    default:
        for (unsigned i = 0; i < width; i++) {
            to[i] = (uint8_t)(value >> (8 * i));
        }
        break;
    }
}

static uint64_t read_piece(struct emulator *emulator, gpa_t address, unsigned width)
{
    const uint8_t *ram = guest_memory_at(emulator->memory, address, width);
    return ram ? read_ram(ram, width)
               : low_bytes(emulator->mmio->read(emulator->mmio, address, width), width);
}

static void write_piece(struct emulator *emulator, gpa_t address, unsigned width, uint64_t value)
{
    uint8_t *ram = guest_memory_at(emulator->memory, address, width);
    if (ram) {
        write_ram(ram, width, value);
    } else {
        emulator->mmio->write(emulator->mmio, address, width, low_bytes(value, width));
    }
}

enum emulate_result emulator_probe(struct emulator *emulator, gva_t linear, unsigned width,
                                   unsigned access)
{
    struct access_pieces pieces;
    return find_pieces(emulator, linear, width, access, &pieces);
}

enum emulate_result emulator_read(struct emulator *emulator, gva_t linear, unsigned width,
                                  unsigned access, uint64_t *value)
{
    struct access_pieces pieces;
    enum emulate_result result = find_pieces(emulator, linear, width, access, &pieces);
    if (result != EMULATE_DONE) {
        return result;
    }
    *value = read_piece(emulator, pieces.first, pieces.first_width);
    if (pieces.first_width < width) {
        *value |= read_piece(emulator, pieces.second, width - pieces.first_width)
                  << (8 * pieces.first_width);
    }
    return EMULATE_DONE;
}

enum emulate_result emulator_write(struct emulator *emulator, gva_t linear, unsigned width,
                                   uint64_t value)
{
    struct access_pieces pieces;
    enum emulate_result result = find_pieces(emulator, linear, width, ACCESS_WRITE, &pieces);
    if (result != EMULATE_DONE) {
        return result;
    }
    write_piece(emulator, pieces.first, pieces.first_width, value);
    if (pieces.first_width < width) {
        write_piece(emulator, pieces.second, width - pieces.first_width,
                    value >> (8 * pieces.first_width));
    }
    return EMULATE_DONE;
}

// All bytes lie in one page.
static void read_block(struct emulator *emulator, gpa_t address, unsigned count, uint8_t *bytes)
{
    for (unsigned at = 0; at < count; at += 8) {
        unsigned width = MIN(count - at, 8);
        uint64_t value = read_piece(emulator, gpa(address.value + at), width);
        memcpy(bytes + at, &value, width);
    }
}

static void write_block(struct emulator *emulator, gpa_t address, unsigned count,
                        const uint8_t *bytes)
{
    for (unsigned at = 0; at < count; at += 8) {
        unsigned width = MIN(count - at, 8);
        uint64_t value = 0;
        memcpy(&value, bytes + at, width);
        write_piece(emulator, gpa(address.value + at), width, value);
    }
}

enum emulate_result emulator_read_bytes(struct emulator *emulator, gva_t linear, unsigned count,
                                        unsigned access, void *bytes)
{
    struct access_pieces pieces;
    enum emulate_result result = find_pieces(emulator, linear, count, access, &pieces);
    if (result != EMULATE_DONE) {
        return result;
    }
    read_block(emulator, pieces.first, pieces.first_width, bytes);
    if (pieces.first_width < count) {
        read_block(emulator, pieces.second, count - pieces.first_width,
                   (uint8_t *)bytes + pieces.first_width);
    }
    return EMULATE_DONE;
}

enum emulate_result emulator_write_bytes(struct emulator *emulator, gva_t linear, unsigned count,
                                         const void *bytes)
{
    struct access_pieces pieces;
    enum emulate_result result = find_pieces(emulator, linear, count, ACCESS_WRITE, &pieces);
    if (result != EMULATE_DONE) {
        return result;
    }
    write_block(emulator, pieces.first, pieces.first_width, bytes);
    if (pieces.first_width < count) {
        write_block(emulator, pieces.second, count - pieces.first_width,
                    (const uint8_t *)bytes + pieces.first_width);
    }
    return EMULATE_DONE;
}
