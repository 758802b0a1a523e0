// SPDX-License-Identifier: MIT
// What the parts of the emulator share: the instruction in hand, the registers, the memory.
#pragma once

#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/emulate/decode.h"
#include "vmm/emulate/emulate.h"
#include "vmm/memory/guest_walk.h"
#include "vmm/util/types.h"

// The instruction that is being carried out.
struct emulator {
    struct vcpu_core *vcpu;
    const struct vcpu_ops *ops;
    const struct guest_memory *memory;
    struct emulator_bus *mmio;
    struct emulator_ports *ports;   // NULL: INS and OUTS are not allowed
    uint16_t port;                  // the one that INS or OUTS accesses
    const struct exit_memory *exit; // or NULL
    struct emulation *out;
    struct paging_state paging;
    enum code_size size;
    bool protected; // segments have limits and types: protected mode, not virtual-8086
    uint64_t rip;
    struct instruction instruction;
    struct walk_result fetch; // of the instruction's first byte
};

// ---- emulate_cache.c
// Remembers the instruction that was just carried out after an exit, if it is a move that can be
// repeated. The instruction was decoded from `bytes`: the memory may have changed since.
void emulator_remember_move(const struct emulator *emulator, const uint8_t *bytes,
                            struct emulator_cache *cache);

// The functions below return EMULATE_DONE, or what ends the instruction: EMULATE_FAULT with the
// event set, EMULATE_UNKNOWN with the reason set.

// ---- emulate.c
enum emulate_result emulator_fault(struct emulator *emulator, uint8_t vector, uint32_t error_code);

// ---- emulate_memory.c
// Turns segment and offset into the linear address of `width` bytes. ACCESS_WRITE in `access`: the
// bytes will be written.
enum emulate_result emulator_linear(struct emulator *emulator, enum guest_segment segment,
                                    uint64_t offset, unsigned width, unsigned access,
                                    gva_t *linear);
// The address of the instruction's memory operand; `adjust` is added to the effective address.
enum emulate_result emulator_operand(struct emulator *emulator, int64_t adjust, unsigned width,
                                     unsigned access, gva_t *linear);
// Finds out whether the access would fault, and sets accessed and dirty bits. Accesses nothing.
enum emulate_result emulator_probe(struct emulator *emulator, gva_t linear, unsigned width,
                                   unsigned access);
// `width` is 1, 2, 4 or 8; the value is zero-extended. A read with ACCESS_WRITE in `access` is of
// memory that will be written afterwards.
enum emulate_result emulator_read(struct emulator *emulator, gva_t linear, unsigned width,
                                  unsigned access, uint64_t *value);
enum emulate_result emulator_write(struct emulator *emulator, gva_t linear, unsigned width,
                                   uint64_t value);
// Walks the page tables.
enum emulate_result emulator_translate(struct emulator *emulator, gva_t linear, unsigned access,
                                       struct walk_result *walk);

// ---- emulate_registers.c
// Writes 1 or 2 bytes of a register and leaves the rest; 4 bytes clear the upper half.
void emulator_set(struct emulator *emulator, struct register_operand reg, unsigned width,
                  uint64_t value);
void emulator_set_flags(struct emulator *emulator, uint64_t rflags);

// ---- emulate_execute.c, emulate_string.c
enum emulate_result emulator_execute(struct emulator *emulator);
enum emulate_result emulator_execute_string(struct emulator *emulator);

// INS and OUTS have no form of 8 bytes: REX.W has no effect.
static inline unsigned emulator_port_width(const struct instruction *instruction)
{
    return MIN(instruction->width, 4);
}

// The lowest `width` bytes of a value (1 to 8).
static inline uint64_t low_bytes(uint64_t value, unsigned width)
{
    return value & (UINT64_MAX >> (64 - 8 * width));
}

static inline uint64_t sign_extend(uint64_t value, unsigned width)
{
    unsigned shift = 64 - 8 * width;
    return (uint64_t)((int64_t)(value << shift) >> shift);
}

// The whole of a general register.
static inline uint64_t gpr_whole(const struct vcpu_core *vcpu, const struct vcpu_ops *ops,
                                 unsigned number)
{
    return number == GPR_RSP ? ops->get_register(vcpu, REG_RSP) : vcpu->registers.gpr[number];
}

static inline uint64_t emulator_get(const struct emulator *emulator, struct register_operand reg,
                                    unsigned width)
{
    uint64_t whole = gpr_whole(emulator->vcpu, emulator->ops, reg.number);
    return low_bytes(whole >> (reg.high_byte ? 8 : 0), width);
}
