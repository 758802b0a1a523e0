// SPDX-License-Identifier: MIT
// Carries out one guest instruction in software: accesses to device memory, string I/O, and what
// changes or reads the machine status word.
#pragma once

#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct emulator_cache;
struct exit_io;
struct exit_memory;
struct guest_memory;

// A REP instruction does at most this many iterations in one call.
#define EMULATE_ITERATIONS_MAX 256

// Guest-physical memory that is not RAM. `width` is 1, 2, 4 or 8; where an access crosses a page it
// may be any size up to 8. `address` need not be aligned. `value` is zero-extended.
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
    EMULATE_DONE,  // the instruction is complete, and a trap follows if `met` is not 0; RIP must
                   // still move by `length` (ADVANCE)
    EMULATE_AGAIN, // part of a REP instruction is done, or none: run the guest at this RIP (RETRY)
    EMULATE_STEP,  // as EMULATE_AGAIN after one iteration, and `met` wants a trap (RETRY)
    EMULATE_FAULT, // inject `event` (RETRY); REG_CR2 is set already
    EMULATE_UNKNOWN,    // the emulator does not know the instruction: `why` has its bytes
    EMULATE_UNREADABLE, // the instruction is not in RAM: `why` has its address
};

// The caller sets `breakpoints` and `met`.
struct emulation {
    const struct breakpoints *breakpoints; // the guest's, or NULL
    uint64_t met;                          // 0 at first; the causes of a trap, as bits of DR6
    unsigned length;
    struct event event;
    struct reason why;
};

// Fetches the instruction at CS:RIP, decodes it and carries it out on registers, flags and memory.
// Memory is reached through the guest's page tables, with all faults; what is not RAM is `mmio`.
// `exit` may be NULL. Otherwise it is the exit that led here, an access outside RAM: it saves a
// page walk. With `exit` and `cache` (which may be NULL), a plain move is remembered in the cache.
// INS and OUTS give EMULATE_UNKNOWN, because the processor has not checked the port.
enum emulate_result emulate_memory_access(struct vcpu_core *vcpu, const struct vcpu_ops *ops,
                                          const struct guest_memory *memory,
                                          struct emulator_bus *mmio, const struct exit_memory *exit,
                                          struct emulator_cache *cache,
                                          struct emulation *emulation);

// The same for INS and OUTS alone. `exit` is the exit that led here: the processor has checked that
// the guest may use its port with its width. Only this port is accessed, with this width and in
// this direction. If memory has another instruction by now, which another vCPU may have written,
// nothing is done, and the result is EMULATE_AGAIN. The memory operand may be in `mmio`.
enum emulate_result emulate_string_io(struct vcpu_core *vcpu, const struct vcpu_ops *ops,
                                      const struct guest_memory *memory, struct emulator_bus *mmio,
                                      const struct exit_io *exit, struct emulator_ports *ports,
                                      struct emulation *emulation);

// The same for LMSW, SMSW and CLTS alone, with an operand in memory or without.
enum emulate_result emulate_status_word(struct vcpu_core *vcpu, const struct vcpu_ops *ops,
                                        const struct guest_memory *memory,
                                        struct emulator_bus *mmio, struct emulation *emulation);
