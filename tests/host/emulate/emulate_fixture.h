// SPDX-License-Identifier: MIT
// What the tests of the emulator share: a guest, one instruction of the guest, and its result.
#pragma once

#include "tests/host/fake_guest.h"

extern struct fake_guest guest;
extern struct emulation emulation;
extern uint64_t *const gpr; // of the guest

// For cmocka: a guest in 64-bit mode. RBX, the address in most instructions, points into the
// device.
int emulate_set_up(void **state);
#define EMULATE_TEST(test) cmocka_unit_test_setup(test, emulate_set_up)

// Puts an instruction at RIP and carries it out.
enum emulate_result emulate(const char *bytes, size_t length);
#define EMULATE(bytes) emulate(bytes, sizeof(bytes) - 1)

// Carries out one instruction and checks that all of it was done.
#define RUN(bytes)                                                                                 \
    do {                                                                                           \
        assert_int_equal(EMULATE(bytes), EMULATE_DONE);                                            \
        assert_int_equal(emulation.length, sizeof(bytes) - 1);                                     \
    } while (0)

// Checks access `index` to the device since the instruction began. The value of a read does not
// count.
void assert_access(unsigned index, bool write, uint64_t address, unsigned width, uint64_t value);
void assert_one_read(uint64_t address, unsigned width);
void assert_one_write(uint64_t address, unsigned width, uint64_t value);
void assert_read_and_write(uint64_t address, unsigned width, uint64_t value);

// Checks the exception that ended the instruction.
void assert_fault(uint8_t vector, bool has_error_code, uint32_t error_code);

uint64_t ram_at(uint64_t address, unsigned width);
void set_ram(uint64_t address, uint64_t value);
uint64_t arithmetic_flags(void);
