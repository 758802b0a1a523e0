// SPDX-License-Identifier: MIT
// Carries out one guest instruction in software: accesses to device memory, and string I/O.
#pragma once

#include "vmm/backend.h"
#include "vmm/decode.h"
#include "vmm/guest_memory.h"
#include "vmm/guest_walk.h"

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

// A move between a register and device memory that a guest has made, and all that its fetch went
// through: if none of it has changed, the instruction is still the same.
struct emulator_site {
    uint64_t rip;
    uint64_t cr3;
    uint64_t efer;
    uint16_t attributes; // of CS
    uint8_t step_count;  // 0: nothing is remembered
    struct walk_step steps[WALK_STEPS_MAX];
    gpa_t code;
    uint64_t first_bytes; // bytes 0 to 7 and 7 to 14 from `code`
    uint64_t last_bytes;
    struct instruction instruction;
};

#define EMULATOR_SITES 8

// What a vCPU remembers of its instructions. All zeros at first, and whenever its RAM is another.
struct emulator_cache {
    struct emulator_site sites[EMULATOR_SITES];
};

// Fetches the instruction at CS:RIP, decodes it and does what it does, reading and writing
// registers, flags, RAM (through the guest's page tables, with all faults) and `mmio` for what is
// no RAM. `exit`, if not NULL, is the exit that led here, to an address that is no RAM: it saves a
// page walk. With `cache` too, if that is not NULL, a move that was seen before is not even fetched
// again. INS and OUTS are EMULATE_UNKNOWN here, as the processor has not checked the port.
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
