// SPDX-License-Identifier: MIT
// The moves to and from device memory that a vCPU has made lately.
#pragma once

#include "vmm/address.h"
#include "vmm/exit.h"
#include "vmm/memory/guest_walk.h"
#include "vmm/util/types.h"

struct emulator;
struct emulator_bus;
struct guest_memory;
struct vcpu_core;

#define EMULATOR_MOVE_STEPS 4

// A move that a guest has made between device memory and a register, or from an immediate; and all
// that its fetch depended on. While none of that changes, the instruction at RIP is the same.
struct emulator_move {
    struct exit_code code;
    struct walk_step steps[EMULATOR_MOVE_STEPS]; // the way to the code; the last step repeats
    gpa_t bytes_at;
    uint64_t first_bytes; // bytes 0 to 7 and 7 to 14 from `bytes_at`
    uint64_t last_bytes;
    uint8_t length; // of the instruction

    // The address is (displacement + base * base_scale + index * index_scale) & address_mask. The
    // scale of a missing register is 0.
    uint8_t base;
    uint8_t base_scale;
    uint8_t index;
    uint8_t index_scale;
    uint8_t access; // ACCESS_READ or ACCESS_WRITE; 0: nothing is remembered
    uint8_t width;  // of the access
    uint64_t displacement;
    uint64_t address_mask;

    // The written value is (reg >> shift & mask) | immediate. A read value goes into the same bits
    // of the register, and the bits of `kept` stay.
    uint8_t reg;
    uint8_t shift;
    uint64_t mask;
    uint64_t kept;
    uint64_t immediate;
};

#define EMULATOR_MOVES 8

// What a vCPU remembers of its instructions. All zeros at first, and again when its RAM changes.
struct emulator_cache {
    struct emulator_move moves[EMULATOR_MOVES];
};

// Carries out the move at the guest's RIP without fetching it, if the cache has it and it must be
// the same instruction. The move's access to `mmio` led to `exit`: a read or a write by the
// instruction itself, not by a page walk or by the delivery of an event. Returns the instruction's
// length. 0: the cache does not have the move, and nothing was done.
unsigned emulate_repeated_move(struct vcpu_core *vcpu, const struct guest_memory *memory,
                               struct emulator_bus *mmio, const struct exit_memory *exit,
                               const struct emulator_cache *cache);

// Remembers the instruction that was just carried out after an exit, if it is a move that can be
// repeated. The instruction was decoded from `bytes`: the memory may have changed since.
void emulator_remember_move(const struct emulator *emulator, const uint8_t *bytes,
                            struct emulator_cache *cache);

// To be called when EFER.LME changes, and when a move may not be repeated without a look.
void emulator_forget(struct emulator_cache *cache);
