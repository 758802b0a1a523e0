// SPDX-License-Identifier: MIT
// Tests of the decoder of instructions that exit on AMD-V.
#include "arch/svm/svm_decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct sample {
    const char *bytes;
    uint8_t count;
    uint8_t length; // 0: not known
    bool is_64bit;
    bool moves_cr;
    uint8_t gpr;
};

// Decodes a copy that ends where its block ends: the sanitizer finds any read beyond the copy.
static bool decode(const struct sample *sample, unsigned count, struct svm_instruction *instruction)
{
    uint8_t *block = malloc(count + 1);
    assert_non_null(block);
    memcpy(block + 1, sample->bytes, count);
    bool known = svm_decode_instruction(block + 1, count, sample->is_64bit, instruction);
    free(block);
    return known;
}

static void instructions_have_their_length(void **state)
{
    static const struct sample samples[] = {
        {"\x0f\xa2", 2, 2, true, false, 0},                 // cpuid
        {"\x0f\x32", 2, 2, false, false, 0},                // rdmsr
        {"\x0f\x30\x90\x90", 4, 2, true, false, 0},         // wrmsr
        {"\xf4", 1, 1, true, false, 0},                     // hlt
        {"\x0f\x01\xd9", 3, 3, true, false, 0},             // vmmcall
        {"\x0f\x01\xd1", 3, 3, true, false, 0},             // xsetbv
        {"\x0f\x08", 2, 2, true, false, 0},                 // invd
        {"\xf3\x0f\x09", 3, 3, true, false, 0},             // wbnoinvd
        {"\x66\x67\x2e\xf2\x0f\xa2", 6, 6, true, false, 0}, // cpuid with prefixes
        {"\x48\x0f\xa2", 3, 3, true, false, 0},             // cpuid with REX
        {"\x0f\x22\xc0", 3, 3, true, true, 0},              // mov cr0, rax
        {"\x41\x0f\x22\xe7", 4, 4, true, true, 15},         // mov cr4, r15
        {"\x0f\x20\xc3", 3, 3, false, true, 3},             // mov ebx, cr0
        {"\x44\x0f\x20\xc6", 4, 4, true, true, 6},          // mov rsi, cr8
        {"\xf0\x0f\x20\xc2", 4, 4, false, true, 2},         // mov edx, cr8 on AMD
        {"\x41\x66\x0f\x22\xc1", 5, 5, true, true, 1},      // a REX that another prefix follows
        {"\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x0f\xa2", 15, 15, true, false, 0},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(samples); i++) {
        struct svm_instruction instruction;
        assert_true(decode(&samples[i], samples[i].count, &instruction));
        assert_int_equal(instruction.length, samples[i].length);
        assert_int_equal(instruction.moves_cr, samples[i].moves_cr);
        assert_int_equal(instruction.gpr, samples[i].gpr);
        for (unsigned count = 0; count < samples[i].length; count++) {
            assert_false(decode(&samples[i], count, &instruction));
        }
    }
}

static void others_are_not_known(void **state)
{
    static const struct sample samples[] = {
        {"\x90", 1, 0, true, false, 0},          // nop
        {"\x48\x0f\xa2", 3, 0, false, false, 0}, // dec eax; cpuid
        {"\x0f\x01\xe0", 3, 0, true, false, 0},  // smsw eax
        {"\x0f\x01\x30", 3, 0, true, false, 0},  // lmsw [rax]
        {"\x0f\x06", 2, 0, true, false, 0},      // clts
        {"\x0f\x0b", 2, 0, true, false, 0},      // ud2
        {"\x0f\x21\xc0", 3, 0, true, false, 0},  // mov rax, dr0
        {"\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x0f\xa2", 16, 0, true, false, 0},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(samples); i++) {
        struct svm_instruction instruction;
        assert_false(decode(&samples[i], samples[i].count, &instruction));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instructions_have_their_length),
        cmocka_unit_test(others_are_not_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
