// SPDX-License-Identifier: MIT
// Memory operands of an emulated instruction.
#pragma once

#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/emulate/emulate.h"
#include "vmm/util/types.h"

struct emulator;
struct walk_result;

// The functions below return EMULATE_DONE, or what ends the instruction: EMULATE_FAULT with the
// event set, EMULATE_UNKNOWN with the reason set.

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
// The same for up to 64 bytes, in the order of their addresses. Nothing is written if a part of
// them faults. A device gets them in pieces of up to 8 bytes, the first one first.
enum emulate_result emulator_read_bytes(struct emulator *emulator, gva_t linear, unsigned count,
                                        unsigned access, void *bytes);
enum emulate_result emulator_write_bytes(struct emulator *emulator, gva_t linear, unsigned count,
                                         const void *bytes);
// Walks the page tables.
enum emulate_result emulator_translate(struct emulator *emulator, gva_t linear, unsigned access,
                                       struct walk_result *walk);
