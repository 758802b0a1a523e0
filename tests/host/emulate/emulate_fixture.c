// SPDX-License-Identifier: MIT
// What the tests of the emulator share: a guest, one instruction of the guest, and its result.
#include "tests/host/emulate/emulate_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/registers.h"

#define ARITHMETIC_FLAGS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

struct fake_guest guest;
struct emulation emulation;
uint64_t *const gpr = guest.core.registers.gpr;

int emulate_set_up(void **state)
{
    (void)state;
    fake_guest_long_mode(&guest);
    memset(&emulation, 0, sizeof(emulation));
    gpr[GPR_RBX] = FAKE_MMIO + 0x20;
    return 0;
}

enum emulate_result emulate(const char *bytes, size_t length)
{
    uint64_t rip = guest.registers[REG_RIP] + guest.segments[SEGMENT_CS].base;
    memcpy(guest.ram + rip, bytes, length);
    guest.access_count = 0;
    return emulate_memory_access(&guest.core, &fake_guest_ops, &guest.memory, &guest.bus, NULL,
                                 NULL, &emulation);
}

void assert_access(unsigned index, bool write, uint64_t address, unsigned width, uint64_t value)
{
    assert_true(index < guest.access_count);
    assert_int_equal(guest.accesses[index].write, write);
    assert_int_equal(guest.accesses[index].address, address);
    assert_int_equal(guest.accesses[index].width, width);
    if (write) {
        assert_int_equal(guest.accesses[index].value, value);
    }
}

void assert_one_read(uint64_t address, unsigned width)
{
    assert_int_equal(guest.access_count, 1);
    assert_access(0, false, address, width, 0);
}

void assert_one_write(uint64_t address, unsigned width, uint64_t value)
{
    assert_int_equal(guest.access_count, 1);
    assert_access(0, true, address, width, value);
}

void assert_read_and_write(uint64_t address, unsigned width, uint64_t value)
{
    assert_int_equal(guest.access_count, 2);
    assert_access(0, false, address, width, 0);
    assert_access(1, true, address, width, value);
}

void assert_fault(uint8_t vector, bool has_error_code, uint32_t error_code)
{
    assert_int_equal(emulation.event.type, EVENT_EXCEPTION);
    assert_int_equal(emulation.event.vector, vector);
    assert_int_equal(emulation.event.has_error_code, has_error_code);
    assert_int_equal(emulation.event.error_code, error_code);
}

uint64_t ram_at(uint64_t address, unsigned width)
{
    uint64_t value = 0;
    memcpy(&value, guest.ram + address, width);
    return value;
}

void set_ram(uint64_t address, uint64_t value)
{
    memcpy(guest.ram + address, &value, sizeof(value));
}

uint64_t arithmetic_flags(void)
{
    return guest.registers[REG_RFLAGS] & ARITHMETIC_FLAGS;
}
