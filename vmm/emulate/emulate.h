// SPDX-License-Identifier: MIT
// Carries out one guest instruction in software: accesses to device memory, and string I/O.
#pragma once

#include "vmm/backend.h"
#include "vmm/emulate/decode.h"
#include "vmm/exit.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/memory/guest_walk.h"
#include "vmm/util/status.h"

// A REP instruction does at most this many iterations in one call.
#define EMULATE_ITERATIONS_MAX 256

// Guest-physical memory that is no RAM. `width` is 1, 2, 4 or 8, or another size up to 8 where an
// access crosses a page; `address` need not be aligned. `value` is zero-extended.
struct emulator_bus {
    uint64_t (*read)(struct emulator_bus *bus, gpa_t address, unsigned width);
    void (*write)(struct emulator_bus *bus, gpa_t address, unsigned width, uint64_t value);
};

// I/O ports, for INS and OUTS. `width` is 1, 2 or 4.
struct emulator_ports {
    uint32_t (*in)(struct emulator_ports *ports, uint16_t port, unsigned width);
    void (*out)(struct emulator_ports *ports, uint16_t port, unsigned width, uint32_t value);
};

enum emulate_result {
    EMULATE_DONE,    // the instruction is complete but for RIP: move it by `length` (ADVANCE)
    EMULATE_AGAIN,   // part of a REP instruction is done: run the guest at the same RIP (RETRY)
    EMULATE_FAULT,   // inject `event` (RETRY); REG_CR2 is set already
    EMULATE_UNKNOWN, // it cannot be done here: `why` has the bytes or the address
};

struct emulation {
    unsigned length;
    struct event event;
    struct reason why;
};

#define EMULATOR_MOVE_STEPS 4

// A move between device memory and a register (or from an immediate) that a guest has made, and all
// that its fetch went through: if none of that has changed, the instruction is still the same.
struct emulator_move {
    struct exit_code code;
    struct walk_step steps[EMULATOR_MOVE_STEPS]; // to the code; the last one repeated
    gpa_t bytes_at;
    uint64_t first_bytes; // bytes 0 to 7 and 7 to 14 from `bytes_at`
    uint64_t last_bytes;
    uint8_t length; // of the instruction

    // Its operand: displacement + base * base_scale + index * index_scale, and address_mask. The
    // scale of what it does not have is 0.
    uint8_t base;
    uint8_t base_scale;
    uint8_t index;
    uint8_t index_scale;
    uint8_t access; // ACCESS_READ or ACCESS_WRITE; 0: nothing is remembered
    uint8_t width;  // of the access
    uint64_t displacement;
    uint64_t address_mask;

    // The value is (reg >> shift & mask) | immediate; on the other way it is put there, and `kept`
    // of the register stays.
    uint8_t reg;
    uint8_t shift;
    uint64_t mask;
    uint64_t kept;
    uint64_t immediate;
};

#define EMULATOR_MOVES 8

// What a vCPU remembers of its instructions. All zeros at first, and whenever its RAM is another.
struct emulator_cache {
    struct emulator_move moves[EMULATOR_MOVES];
};

// Carries out the move at the guest's RIP, whose access to `mmio` led to `exit`, without fetching
// it: if the cache has it and it is sure to be the same. `exit` is a read or a write of the
// instruction's own, of no page walk and no event's delivery. Returns the instruction's length; 0,
// and nothing is done, if it is not remembered.
unsigned emulate_repeated_move(struct vcpu_core *vcpu, const struct guest_memory *memory,
                               struct emulator_bus *mmio, const struct exit_memory *exit,
                               const struct emulator_cache *cache);

// Fetches the instruction at CS:RIP, decodes it and does what it does, reading and writing
// registers, flags, RAM (through the guest's page tables, with all faults) and `mmio` for what is
// no RAM. `exit`, if not NULL, is the exit that led here, to an address that is no RAM: it saves a
// page walk. With `cache` too, if that is not NULL, a plain move is remembered there. INS and OUTS
// are EMULATE_UNKNOWN here, as the processor has not checked the port.
enum emulate_result emulate_memory_access(struct vcpu_core *vcpu, const struct vcpu_ops *ops,
                                          const struct guest_memory *memory,
                                          struct emulator_bus *mmio, const struct exit_memory *exit,
                                          struct emulator_cache *cache,
                                          struct emulation *emulation);

// The same for INS and OUTS alone, after an exit that says that the port may be used. Their memory
// operand may be in `mmio`.
enum emulate_result emulate_string_io(struct vcpu_core *vcpu, const struct vcpu_ops *ops,
                                      const struct guest_memory *memory, struct emulator_bus *mmio,
                                      struct emulator_ports *ports, struct emulation *emulation);
