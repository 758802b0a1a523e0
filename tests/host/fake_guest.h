// SPDX-License-Identifier: MIT
// A guest CPU without hardware: registers, segments and RAM for tests of the emulator.
#pragma once

#include "vmm/backend.h"
#include "vmm/emulate/emulate.h"
#include "vmm/memory/guest_memory.h"

#define FAKE_RAM_BYTES 0x20000ULL
#define FAKE_MMIO 0xfee00000ULL // guest-physical; everything outside of RAM goes to the bus
#define FAKE_CODE 0x8000ULL     // where the instruction is, guest-physical
#define FAKE_ACCESSES_MAX 64

// One access to the bus or to a port.
struct fake_access {
    bool write;
    bool port;
    uint64_t address;
    unsigned width;
    uint64_t value;
};

struct fake_guest {
    struct vcpu_core core; // first: the operations find the other members by it
    uint64_t registers[REG_COUNT];
    struct segment segments[SEGMENT_COUNT];
    struct vector vectors[VECTOR_COUNT];
    struct guest_memory memory;
    struct emulator_bus bus;
    struct emulator_ports ports;
    uint64_t read_value;   // what reads of the bus and of ports return
    unsigned access_count; // all accesses; only the first ones are kept
    struct fake_access accesses[FAKE_ACCESSES_MAX];
    _Alignas(4096) uint8_t ram[FAKE_RAM_BYTES];
};

extern const struct vcpu_ops fake_guest_ops;

// 64-bit mode, ring 0. Page tables with 4 levels at 0x1000 to 0x5fff map RAM and FAKE_MMIO one to
// one. The page FAKE_PAGE_READ_ONLY cannot be written, and FAKE_PAGE_MISSING is not mapped.
void fake_guest_long_mode(struct fake_guest *guest);
#define FAKE_PAGE_READ_ONLY 0x1e000ULL
#define FAKE_PAGE_MISSING 0x1f000ULL

// 32-bit protected mode without paging, flat segments.
void fake_guest_protected_mode(struct fake_guest *guest);

// Real mode, all segments at 0.
void fake_guest_real_mode(struct fake_guest *guest);

// The exit for an access by the instruction at the guest's RIP.
struct exit_memory fake_guest_exit(const struct fake_guest *guest, uint64_t address,
                                   unsigned access);
