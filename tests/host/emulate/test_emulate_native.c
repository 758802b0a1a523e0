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

#include "arch/x86/cpuid_bits.h"
#include "arch/x86/registers.h"
#include "arch/x86/xsave_area.h"
#include "tests/host/emulate/emulate_fixture.h"
#include "tests/host/emulate/native_cpu.h"
#include "tests/host/emulate/native_rows.h"
#include "tests/host/emulate/native_vector_rows.h"

#define ROUNDS 400
#define GUEST_PAGE 0x10000ULL // the memory operand is in the middle of this page
#define MIDDLE 0x800

static uint64_t seed;
static _Alignas(PAGE_SIZE) uint8_t native_page[PAGE_SIZE];

// ---- This processor's vector registers

static struct xsave_layout layout;
static uint64_t components; // 0: no XSAVE

static struct cpuid_registers this_cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_registers values;
    __asm__("cpuid"
            : "=a"(values.eax), "=b"(values.ebx), "=c"(values.ecx), "=d"(values.edx)
            : "a"(leaf), "c"(subleaf));
    return values;
}

static void find_components(void)
{
    uint32_t low;
    uint32_t high;
    if ((this_cpuid(CPUID_FEATURES, 0).ecx & CPUID_1_ECX_OSXSAVE) == 0) {
        return;
    }
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    components = low & XCR0_VECTORS;
    xsave_area_find(&layout, components, this_cpuid);
}

static bool processor_has(uint32_t what)
{
    switch (what) {
    case NATIVE_MMX:
        return components != 0;
    case NATIVE_SSE:
        return components != 0 && __builtin_cpu_supports("sse4.2");
    case NATIVE_SSE4A:
        return components != 0 && __builtin_cpu_supports("sse4a");
    case NATIVE_AVX:
        return (components & XCR0_AVX) != 0 && __builtin_cpu_supports("avx");
    case NATIVE_AVX2:
        return (components & XCR0_AVX) != 0 && __builtin_cpu_supports("avx2");
    default:
        return (components & XCR0_AVX512) == XCR0_AVX512 && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    }
}

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

// Gives the guest and the processor the same vector registers. Those of MMX are the x87 unit's,
// which other instructions must leave alone.
static void prepare_vectors(bool mmx, struct native_state *state)
{
    static const uint16_t control_word = 0x37f;
    static const uint32_t mxcsr = 0x1f80;
    memset(state->fpu, 0, sizeof(state->fpu));
    memcpy(state->fpu, &control_word, sizeof(control_word));
    memcpy(state->fpu + 24, &mxcsr, sizeof(mxcsr));
    memcpy(state->fpu + 512, &components, sizeof(components));
    for (unsigned number = 0; number < VECTOR_COUNT; number++) {
        struct vector value;
        for (size_t i = 0; i < sizeof(value.bytes); i += 8) {
            uint64_t bits = random_number();
            memcpy(value.bytes + i, &bits, sizeof(bits));
        }
        if (mmx || number < VECTOR_MM0 || number >= VECTOR_MASK0) {
            xsave_area_set(state->fpu, &layout, components, number, &value);
        }
        xsave_area_get(state->fpu, &layout, components, number, &guest.vectors[number]);
    }
    state->components = components;
    guest.registers[REG_CR4] |= CR4_OSFXSR | CR4_OSXSAVE;
    guest.registers[REG_XCR0] = components;
}

static void compare_vectors(const struct native_row *row, const struct native_state *state)
{
    for (unsigned number = 0; number < VECTOR_COUNT; number++) {
        struct vector value;
        xsave_area_get(state->fpu, &layout, components, number, &value);
        if (memcmp(&value, &guest.vectors[number], sizeof(value)) != 0) {
            print_error("%s: vector register %u differs", row->text, number);
            assert_memory_equal(&guest.vectors[number], &value, sizeof(value));
        }
    }
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
    static struct native_state state;
    bool is_vector = (row->undefined & NATIVE_VECTOR) != 0;
    uint64_t flags = ALL_ & ~row->undefined;
    uint64_t before;
    enum emulate_result result;
    int fault;
    prepare(row, &state);
    if (is_vector) {
        prepare_vectors((row->undefined & NATIVE_MMX) != 0, &state);
    }
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
    if (is_vector) {
        compare_vectors(row, &state);
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

static void test_vectors(uint32_t what)
{
    if (!processor_has(what)) {
        print_message("this processor lacks the instructions\n");
        skip();
    }
    seed = 0x9e3779b97f4a7c15;
    for (size_t i = 0; i < ARRAY_SIZE(native_vector_rows); i++) {
        for (unsigned round = 0; round < ROUNDS && (native_vector_rows[i].undefined & what) != 0;
             round++) {
            compare(&native_vector_rows[i]);
        }
    }
}

static void test_mmx(void **state)
{
    (void)state;
    test_vectors(NATIVE_MMX);
}

static void test_sse(void **state)
{
    (void)state;
    test_vectors(NATIVE_SSE);
}

static void test_sse4a(void **state)
{
    (void)state;
    test_vectors(NATIVE_SSE4A);
}

static void test_avx(void **state)
{
    (void)state;
    test_vectors(NATIVE_AVX);
}

static void test_avx2(void **state)
{
    (void)state;
    test_vectors(NATIVE_AVX2);
}

static void test_avx512(void **state)
{
    (void)state;
    test_vectors(NATIVE_AVX512);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EMULATE_TEST(test_general_registers),
        EMULATE_TEST(test_mmx),
        EMULATE_TEST(test_sse),
        EMULATE_TEST(test_sse4a),
        EMULATE_TEST(test_avx),
        EMULATE_TEST(test_avx2),
        EMULATE_TEST(test_avx512),
    };
    find_components();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
