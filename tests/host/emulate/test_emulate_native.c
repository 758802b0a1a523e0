// SPDX-License-Identifier: MIT
// Holds the emulator against the processor of this machine: the same instruction with the same
// registers and memory must have the same result.
#include "vmm/emulate/emulate.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "tests/host/emulate/emulate_fixture.h"
#include "tests/host/emulate/native_cpu.h"
#include "tests/host/emulate/native_rows.h"

#define ROUNDS 400
#define GUEST_PAGE 0x10000ULL // the memory operand is in the middle of this page
#define MIDDLE 0x800

static uint64_t seed;
static _Alignas(PAGE_SIZE) uint8_t native_page[PAGE_SIZE];

static uint64_t random_bits(void)
{
    seed ^= seed << 13; // xorshift
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

// Any number, but often one at a border.
static uint64_t random_number(void)
{
    static const uint64_t borders[] = {0,      1,         UINT64_MAX, 0x7f,      0x80,   0x7fff,
                                       0x8000, INT32_MAX, 0x80000000, INT64_MAX, BIT(63)};
    uint64_t number = random_bits();
    switch (random_bits() % 4) {
    case 0:
        return borders[number % ARRAY_SIZE(borders)];
    case 1:
        return number >> (number % 64);
    case 2:
        return (uint64_t)(int64_t)(int16_t)number;
    default:
        return number;
    }
}

static void prepare_memory(const struct native_state *state)
{
    for (size_t i = 0; i < PAGE_SIZE; i += 8) {
        uint64_t number = random_number();
        memcpy(native_page + i, &number, sizeof(number));
    }
    if (random_bits() % 2 != 0) { // what a comparison with the accumulator finds equal
        memcpy(native_page + MIDDLE, &state->gpr[GPR_RAX], 8);
        memcpy(native_page + MIDDLE + 8, &state->gpr[GPR_RDX], 8);
    }
    if (random_bits() % 4 == 0) { // CMPXCHG8B
        memcpy(native_page + MIDDLE + 4, &state->gpr[GPR_RDX], 4);
    }
    memcpy(guest.ram + GUEST_PAGE, native_page, PAGE_SIZE);
}

static void prepare(const struct native_row *row, struct native_state *state)
{
    for (unsigned i = 0; i < GPR_COUNT; i++) {
        state->gpr[i] = random_number();
    }
    if ((row->undefined & NATIVE_NEAR) != 0) {
        state->gpr[GPR_RCX] = (uint64_t)(int64_t)(int16_t)(random_bits() % 0x2000 - 0x1000);
    }
    state->rflags = RFLAGS_FIXED | RFLAGS_IF | (random_bits() & ALL_);
    prepare_memory(state);
    state->gpr[GPR_RSI] = GUEST_PAGE + MIDDLE;
    memcpy(gpr, state->gpr, sizeof(state->gpr));
    guest.registers[REG_RFLAGS] = state->rflags;
    guest.registers[REG_RIP] = FAKE_CODE;
    state->gpr[GPR_RSI] = (uint64_t)(uintptr_t)native_page + MIDDLE;
}

static int signal_of(enum emulate_result result)
{
    if (result == EMULATE_DONE) {
        return 0;
    }
    return emulation.event.vector == VECTOR_DE ? SIGFPE : SIGSEGV;
}

static void compare(const struct native_row *row)
{
    struct native_state state;
    uint64_t flags = ALL_ & ~row->undefined;
    uint64_t before;
    enum emulate_result result;
    int fault;
    prepare(row, &state);
    before = gpr[GPR_RSI];
    fault = native_run(row->bytes, row->length, &state);
    result = emulate(row->bytes, row->length);
    if (signal_of(result) != fault) {
        fail_msg("%s: result %d, should be signal %d", row->text, result, fault);
    }
    if (fault == 0) {
        assert_int_equal(emulation.length, row->length);
    }
    assert_int_equal(gpr[GPR_RSI] - before,
                     state.gpr[GPR_RSI] - (uint64_t)(uintptr_t)native_page - MIDDLE);
    state.gpr[GPR_RSI] = gpr[GPR_RSI];
    state.gpr[GPR_RSP] = gpr[GPR_RSP];
    for (unsigned i = 0; i < GPR_COUNT; i++) {
        if (gpr[i] != state.gpr[i]) {
            fail_msg("%s: register %u is %#llx, should be %#llx", row->text, i,
                     (unsigned long long)gpr[i], (unsigned long long)state.gpr[i]);
        }
    }
    if (((guest.registers[REG_RFLAGS] ^ state.rflags) & flags) != 0) {
        fail_msg("%s: flags are %#llx, should be %#llx", row->text,
                 (unsigned long long)guest.registers[REG_RFLAGS], (unsigned long long)state.rflags);
    }
    if (memcmp(guest.ram + GUEST_PAGE, native_page, PAGE_SIZE) != 0) {
        print_error("%s: memory differs", row->text);
        assert_memory_equal(guest.ram + GUEST_PAGE, native_page, PAGE_SIZE);
    }
}

static void test_general_registers(void **state)
{
    (void)state;
    seed = 0x9e3779b97f4a7c15;
    for (size_t i = 0; i < ARRAY_SIZE(native_rows); i++) {
        for (unsigned round = 0; round < ROUNDS; round++) {
            compare(&native_rows[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EMULATE_TEST(test_general_registers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
