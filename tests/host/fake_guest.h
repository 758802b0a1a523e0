// SPDX-License-Identifier: MIT
// A guest CPU without hardware: registers, segments and RAM for tests of what emulates it.
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
    struct vcpu_core core; // first: the operations find the rest by it
    uint64_t registers[REG_COUNT];
    struct segment segments[SEGMENT_COUNT];
    struct guest_memory memory;
    struct emulator_bus bus;
    struct emulator_ports ports;
    uint64_t read_value;   // what the bus and the ports give
    unsigned access_count; // all accesses, of which the first ones are kept
    struct fake_access accesses[FAKE_ACCESSES_MAX];
    _Alignas(4096) uint8_t ram[FAKE_RAM_BYTES];
};

extern const struct vcpu_ops fake_guest_ops;

// 64-bit mode, ring 0: RAM and FAKE_MMIO identity-mapped with 4 levels, whose tables lie at 0x1000
// to 0x5fff; 4 KiB at FAKE_PAGE_READ_ONLY cannot be written, FAKE_PAGE_MISSING is not there.
void fake_guest_long_mode(struct fake_guest *guest);
#define FAKE_PAGE_READ_ONLY 0x1e000ULL
#define FAKE_PAGE_MISSING 0x1f000ULL

// 32-bit protected mode without paging, flat segments.
void fake_guest_protected_mode(struct fake_guest *guest);

// Real mode, all segments at 0.
void fake_guest_real_mode(struct fake_guest *guest);

// The exit that an access of the instruction at the guest's RIP leads to.
struct exit_memory fake_guest_exit(const struct fake_guest *guest, uint64_t address,
                                   unsigned access);
