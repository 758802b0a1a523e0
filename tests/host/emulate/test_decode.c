// SPDX-License-Identifier: MIT
// Tests of the instruction decoder: lengths and operations of many encodings, the operands of
// each addressing form, and what is refused.
#include "vmm/emulate/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/emulate/assembled.h"
#include "tests/host/emulate/native_rows.h"
#include "tests/host/emulate/native_vector_rows.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

#define DECODE(size, bytes)                                                                        \
    instruction_decode((const uint8_t *)(bytes), sizeof(bytes) - 1, size, &instruction)

static struct instruction instruction;

static void assert_decodes(const struct assembled *row)
{
    uint8_t bytes[INSTRUCTION_BYTES_MAX];
    memset(bytes, 0xcc, sizeof(bytes));
    memcpy(bytes, row->bytes, row->length);
    assert_int_equal(instruction_decode(bytes, sizeof(bytes), row->size, &instruction), DECODE_OK);
    assert_int_equal(instruction.length, row->length);
    assert_int_equal(instruction.operation, row->operation);
    assert_int_equal(instruction.width, row->width);
    assert_int_equal(instruction.source_width, row->source_width);
}

static void test_assembled_instructions(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(assembled); i++) {
        assert_decodes(&assembled[i]);
    }
}

static void assert_native(const struct native_row *row)
{
    const uint8_t *bytes = (const uint8_t *)row->bytes;
    for (unsigned given = 0; given < row->length; given++) {
        assert_int_equal(instruction_decode(bytes, given, CODE_64, &instruction), DECODE_TRUNCATED);
    }
    assert_int_equal(instruction_decode(bytes, row->length, CODE_64, &instruction), DECODE_OK);
    assert_int_equal(instruction.length, row->length);
}

// What the emulator makes of them is held against the processor elsewhere.
static void test_native_instructions(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(native_rows); i++) {
        assert_native(&native_rows[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(native_vector_rows); i++) {
        assert_native(&native_vector_rows[i]);
    }
}

// With fewer bytes than the instruction has, the decoder asks for more. It never reads past the
// end.
static void test_truncated_instructions(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(assembled); i++) {
        for (unsigned given = 0; given < assembled[i].length; given++) {
            uint8_t *bytes = malloc(given + 1);
            assert_non_null(bytes);
            memcpy(bytes + 1, assembled[i].bytes, given); // ends at the end of the block
            assert_int_equal(instruction_decode(bytes + 1, given, assembled[i].size, &instruction),
                             DECODE_TRUNCATED);
            free(bytes);
        }
    }
}

struct address_row {
    enum code_size size;
    const char *bytes;
    uint8_t length;
    uint8_t segment;
    uint8_t base;
    uint8_t index;
    uint8_t scale;
    bool rip_relative;
    int64_t displacement;
};

#define NO NO_REGISTER

static const struct address_row addresses[] = {
    // mov eax, [...]
    {CODE_64, BYTES("\x8b\x00"), SEGMENT_DS, GPR_RAX, NO, 1, false, 0},
    {CODE_64, BYTES("\x41\x8b\x00"), SEGMENT_DS, GPR_R8, NO, 1, false, 0},
    {CODE_64, BYTES("\x8b\x45\xf8"), SEGMENT_SS, GPR_RBP, NO, 1, false, -8},
    {CODE_64, BYTES("\x41\x8b\x45\x00"), SEGMENT_DS, GPR_R13, NO, 1, false, 0},
    {CODE_64, BYTES("\x8b\x04\x24"), SEGMENT_SS, GPR_RSP, NO, 1, false, 0},
    {CODE_64, BYTES("\x41\x8b\x04\x24"), SEGMENT_DS, GPR_R12, NO, 1, false, 0},
    {CODE_64, BYTES("\x8b\x05\x00\x00\x00\x80"), SEGMENT_DS, NO, NO, 1, true, INT32_MIN},
    {CODE_64, BYTES("\x8b\x04\x25\xf0\xff\xff\xff"), SEGMENT_DS, NO, NO, 1, false, -16},
    {CODE_64, BYTES("\x8b\x84\xcb\x78\x56\x34\x12"), SEGMENT_DS, GPR_RBX, GPR_RCX, 8, false,
     0x12345678},
    {CODE_64, BYTES("\x42\x8b\x04\x60"), SEGMENT_DS, GPR_RAX, GPR_R12, 2, false, 0},
    {CODE_64, BYTES("\x8b\x04\x8d\x10\x00\x00\x00"), SEGMENT_DS, NO, GPR_RCX, 4, false, 16},
    {CODE_64, BYTES("\x65\x8b\x04\x25\x10\x00\x00\x00"), SEGMENT_GS, NO, NO, 1, false, 16},
    {CODE_64, BYTES("\x36\x8b\x00"), SEGMENT_DS, GPR_RAX, NO, 1, false, 0}, // SS: ignored
    {CODE_64, BYTES("\x64\x3e\x8b\x00"), SEGMENT_FS, GPR_RAX, NO, 1, false, 0},
    {CODE_32, BYTES("\x8b\x05\x00\x00\xe0\xfe"), SEGMENT_DS, NO, NO, 1, false, (int32_t)0xfee00000},
    {CODE_32, BYTES("\x3e\x8b\x45\x04"), SEGMENT_DS, GPR_RBP, NO, 1, false, 4},
    {CODE_32, BYTES("\x67\x8b\x02"), SEGMENT_SS, GPR_RBP, GPR_RSI, 1, false, 0},
    {CODE_16, BYTES("\x8b\x00"), SEGMENT_DS, GPR_RBX, GPR_RSI, 1, false, 0},
    {CODE_16, BYTES("\x8b\x41\x10"), SEGMENT_DS, GPR_RBX, GPR_RDI, 1, false, 16},
    {CODE_16, BYTES("\x8b\x46\xfe"), SEGMENT_SS, GPR_RBP, NO, 1, false, -2},
    {CODE_16, BYTES("\x26\x8b\x06\x34\x12"), SEGMENT_ES, NO, NO, 1, false, 0x1234},
    {CODE_16, BYTES("\x8b\x84\x00\x80"), SEGMENT_DS, GPR_RSI, NO, 1, false, -32768},
    {CODE_16, BYTES("\x67\x8b\x04\x24"), SEGMENT_SS, GPR_RSP, NO, 1, false, 0},
    {CODE_16, BYTES("\xa1\x34\x12"), SEGMENT_DS, NO, NO, 1, false, 0x1234},
    {CODE_64, BYTES("\xa1\x88\x77\x66\x55\x44\x33\x22\x11"), SEGMENT_DS, NO, NO, 1, false,
     0x1122334455667788},
    {CODE_64, BYTES("\x2e\xac"), SEGMENT_DS, NO, NO, 1, false, 0},
    {CODE_32, BYTES("\x2e\xac"), SEGMENT_CS, NO, NO, 1, false, 0},
};

static void test_memory_operands(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        const struct address_row *row = &addresses[i];
        assert_int_equal(
            instruction_decode((const uint8_t *)row->bytes, row->length, row->size, &instruction),
            DECODE_OK);
        assert_true(instruction.has_memory);
        assert_int_equal(instruction.length, row->length);
        assert_int_equal(instruction.segment, row->segment);
        assert_int_equal(instruction.base, row->base);
        assert_int_equal(instruction.index, row->index);
        assert_int_equal(instruction.scale, row->scale);
        assert_int_equal(instruction.rip_relative, row->rip_relative);
        assert_int_equal(instruction.displacement, row->displacement);
    }
}

static void test_register_operands(void **state)
{
    (void)state;
    assert_int_equal(DECODE(CODE_64, "\x88\x38"), DECODE_OK); // mov [rax], bh
    assert_int_equal(instruction.reg.number, GPR_RBX);
    assert_true(instruction.reg.high_byte);
    assert_int_equal(instruction.source, OPERAND_REGISTER);
    assert_int_equal(instruction.destination, OPERAND_RM);
    assert_int_equal(DECODE(CODE_64, "\x40\x88\x38"), DECODE_OK); // mov [rax], dil
    assert_int_equal(instruction.reg.number, GPR_RDI);
    assert_false(instruction.reg.high_byte);
    assert_int_equal(DECODE(CODE_64, "\x4c\x8b\x38"), DECODE_OK); // mov r15, [rax]
    assert_int_equal(instruction.reg.number, GPR_R15);
    assert_int_equal(instruction.source, OPERAND_RM);
    assert_int_equal(instruction.destination, OPERAND_REGISTER);
    assert_int_equal(DECODE(CODE_64, "\x89\xe0"), DECODE_OK); // mov eax, esp
    assert_false(instruction.has_memory);
    assert_int_equal(instruction.rm.number, GPR_RAX);
    assert_int_equal(instruction.reg.number, GPR_RSP);
    assert_int_equal(DECODE(CODE_64, "\x0f\xb6\xc4"), DECODE_OK); // movzx eax, ah
    assert_true(instruction.rm.high_byte);
    assert_int_equal(instruction.rm.number, GPR_RAX);
    assert_false(instruction.reg.high_byte);
    assert_int_equal(DECODE(CODE_64, "\x44\x0f\x22\xc3"), DECODE_OK); // mov cr8, rbx
    assert_int_equal(instruction.reg.number, 8);
    assert_int_equal(instruction.rm.number, GPR_RBX);
    assert_int_equal(instruction.destination, OPERAND_SPECIAL);
}

static void test_immediates(void **state)
{
    (void)state;
    assert_int_equal(DECODE(CODE_64, "\x48\xc7\x00\x00\x00\x00\x80"), DECODE_OK);
    assert_int_equal(instruction.immediate, 0xffffffff80000000);
    assert_int_equal(DECODE(CODE_32, "\x83\x08\xff"), DECODE_OK); // or dword [eax], -1
    assert_int_equal(instruction.immediate, UINT64_MAX);
    assert_int_equal(instruction.source, OPERAND_IMMEDIATE);
    assert_int_equal(DECODE(CODE_32, "\x66\x81\x00\x34\x12"), DECODE_OK);
    assert_int_equal(instruction.immediate, 0x1234);
    assert_int_equal(DECODE(CODE_32, "\xf6\x00\x80"), DECODE_OK); // test byte [eax], 0x80
    assert_int_equal(instruction.operation, OPERATION_TEST);
    assert_int_equal(DECODE(CODE_16, "\xc7\x06\x34\x12\x78\x56"), DECODE_OK);
    assert_int_equal(instruction.displacement, 0x1234);
    assert_int_equal(instruction.immediate, 0x5678);
}

static void test_prefixes(void **state)
{
    (void)state;
    assert_int_equal(DECODE(CODE_64, "\xf3\xa4"), DECODE_OK);
    assert_int_equal(instruction.repeat, REPEAT_EQUAL);
    assert_int_equal(DECODE(CODE_64, "\xf3\xf2\xae"), DECODE_OK); // the last one counts
    assert_int_equal(instruction.repeat, REPEAT_NOT_EQUAL);
    assert_int_equal(DECODE(CODE_64, "\xf3\x8b\x00"), DECODE_OK); // nothing to repeat
    assert_int_equal(instruction.repeat, REPEAT_NONE);
    assert_int_equal(DECODE(CODE_64, "\x66\x48\x8b\x00"), DECODE_OK); // REX.W wins
    assert_int_equal(instruction.width, 8);
    assert_int_equal(DECODE(CODE_64, "\x48\x66\x8b\x00"), DECODE_OK); // REX too early: not one
    assert_int_equal(instruction.width, 2);
    assert_int_equal(DECODE(CODE_64, "\x41\x48\x8b\x00"), DECODE_OK); // the last REX counts
    assert_int_equal(instruction.base, GPR_RAX);
    assert_int_equal(instruction.width, 8);
    assert_int_equal(DECODE(CODE_64, "\x67\x8b\x00"), DECODE_OK);
    assert_int_equal(instruction.address_width, 4);
    assert_int_equal(DECODE(CODE_16, "\x66\x67\x8b\x00"), DECODE_OK);
    assert_int_equal(instruction.address_width, 4);
    assert_int_equal(instruction.width, 4);
}

static void test_lock(void **state)
{
    (void)state;
    assert_int_equal(DECODE(CODE_64, "\xf0\x01\x00"), DECODE_OK); // lock add [rax], eax
    assert_true(instruction.lock);
    assert_int_equal(DECODE(CODE_64, "\xf0\x87\x00"), DECODE_OK);
    assert_int_equal(DECODE(CODE_64, "\xf0\x0f\xba\x28\x01"), DECODE_OK);
    assert_int_equal(DECODE(CODE_64, "\xf0\x01\xc0"), DECODE_UNDEFINED); // lock add eax, eax
    assert_int_equal(DECODE(CODE_64, "\xf0\x03\x00"), DECODE_UNDEFINED); // lock add eax, [rax]
    assert_int_equal(DECODE(CODE_64, "\xf0\x39\x00"), DECODE_UNDEFINED); // lock cmp
    assert_int_equal(DECODE(CODE_64, "\xf0\x83\x38\x01"), DECODE_UNDEFINED);
    assert_int_equal(DECODE(CODE_64, "\xf0\x89\x00"), DECODE_UNDEFINED);         // lock mov
    assert_int_equal(DECODE(CODE_64, "\xf0\x0f\xba\x20\x01"), DECODE_UNDEFINED); // lock bt
    assert_int_equal(DECODE(CODE_64, "\xf0\xa4"), DECODE_UNDEFINED);
}

static void test_unknown_and_undefined(void **state)
{
    (void)state;
    assert_int_equal(DECODE(CODE_64, "\x90"), DECODE_UNKNOWN);
    assert_int_equal(DECODE(CODE_64, "\x0f\x58\x00"), DECODE_UNKNOWN);     // addps
    assert_int_equal(DECODE(CODE_64, "\xc5\xf8\x58\x00"), DECODE_UNKNOWN); // vaddps
    assert_int_equal(DECODE(CODE_32, "\xc5\x00"), DECODE_UNKNOWN);         // lds
    assert_int_equal(DECODE(CODE_32, "\xc4\x00"), DECODE_UNKNOWN);         // les
    assert_int_equal(DECODE(CODE_32, "\x62\x00"), DECODE_UNKNOWN);         // bound
    assert_int_equal(DECODE(CODE_32, "\xc5"), DECODE_TRUNCATED);
    assert_int_equal(DECODE(CODE_64, "\xff\x20"), DECODE_UNKNOWN); // jmp
    assert_int_equal(DECODE(CODE_64, "\xc7\x08"), DECODE_UNKNOWN);
    assert_int_equal(DECODE(CODE_32, "\x63\x00"), DECODE_UNKNOWN);           // arpl
    assert_int_equal(DECODE(CODE_64, "\x0f\x20\xc8"), DECODE_UNDEFINED);     // cr1
    assert_int_equal(DECODE(CODE_64, "\x44\x0f\x20\xc8"), DECODE_UNDEFINED); // cr9
    assert_int_equal(DECODE(CODE_64, "\x44\x0f\x21\xc0"), DECODE_UNDEFINED); // dr8
    assert_int_equal(DECODE(CODE_64, "\x0f\xc3\xc0"), DECODE_UNDEFINED);     // movnti eax, eax
}

static void test_vector_prefixes(void **state)
{
    (void)state;
    assert_int_equal(DECODE(CODE_32, "\xc5\xf8\x10\x00"), DECODE_OK); // vmovups xmm0, [eax]
    assert_int_equal(instruction.vector.width, 16);
    assert_int_equal(DECODE(CODE_64, "\xc4\x41\x7c\x11\x3c\x24"), DECODE_OK);
    assert_int_equal(instruction.vector.operation, VECTOR_STORE); // vmovups [r12], ymm15
    assert_int_equal(instruction.vector.width, 32);
    assert_int_equal(instruction.vector.reg, 15);
    assert_int_equal(instruction.base, GPR_R12);
    assert_int_equal(DECODE(CODE_64, "\x62\xe1\xfe\x48\x6f\x48\x01"), DECODE_OK);
    assert_int_equal(instruction.vector.reg, 17); // vmovdqu64 zmm17, [rax+64]
    assert_int_equal(instruction.displacement, 64);
    assert_int_equal(DECODE(CODE_64, "\x41\x0f\x6f\xc8"), DECODE_OK); // no MM9: movq mm1, mm0
    assert_int_equal(instruction.vector.reg, VECTOR_MM0 + 1);
    // What VEX and EVEX say themselves must not be said again.
    assert_int_equal(DECODE(CODE_64, "\x66\xc5\xf8\x10\x00"), DECODE_UNDEFINED);
    assert_int_equal(DECODE(CODE_64, "\xf3\xc5\xf8\x10\x00"), DECODE_UNDEFINED);
    assert_int_equal(DECODE(CODE_64, "\xf0\xc5\xf8\x10\x00"), DECODE_UNDEFINED);
    assert_int_equal(DECODE(CODE_64, "\x40\xc5\xf8\x10\x00"), DECODE_UNDEFINED);
    assert_int_equal(DECODE(CODE_64, "\xc5\xf0\x10\x00"), DECODE_UNDEFINED); // vvvv is used
    assert_int_equal(DECODE(CODE_64, "\xc5\xfc\x12\x00"), DECODE_UNDEFINED); // vmovlps ymm
    assert_int_equal(DECODE(CODE_64, "\xc4\xe2\x79\x1a\x00"), DECODE_UNDEFINED);
    assert_int_equal(DECODE(CODE_64, "\x62\xe1\xfe\x58\x6f\x48\x01"), DECODE_UNDEFINED); // b
    assert_int_equal(DECODE(CODE_64, "\x62\xe1\xfe\x68\x6f\x48\x01"), DECODE_UNDEFINED); // L'L
    assert_int_equal(DECODE(CODE_64, "\x62\xe1\xfe\xc8\x6f\x48\x01"), DECODE_UNDEFINED); // z
    assert_int_equal(DECODE(CODE_64, "\x62\xe1\xfe\xc9\x7f\x48\x01"), DECODE_UNDEFINED);
    assert_int_equal(DECODE(CODE_64, "\x62\xe1\xfa\x48\x6f\x48\x01"), DECODE_UNDEFINED);
    assert_int_equal(DECODE(CODE_64, "\x62\xe9\xfe\x48\x6f\x48\x01"), DECODE_UNDEFINED);
}

static void test_too_long(void **state)
{
    uint8_t bytes[20];
    (void)state;
    memset(bytes, 0x66, sizeof(bytes));
    assert_int_equal(instruction_decode(bytes, 20, CODE_64, &instruction), DECODE_TOO_LONG);
    assert_int_equal(instruction_decode(bytes, 15, CODE_64, &instruction), DECODE_TOO_LONG);
    assert_int_equal(instruction_decode(bytes, 14, CODE_64, &instruction), DECODE_TRUNCATED);
    assert_int_equal(instruction_decode(bytes, 0, CODE_64, &instruction), DECODE_TRUNCATED);
    bytes[13] = 0x8b; // mov ax, [rax]: 15 bytes
    bytes[14] = 0x00;
    assert_int_equal(instruction_decode(bytes, 20, CODE_64, &instruction), DECODE_OK);
    assert_int_equal(instruction.length, 15);
    bytes[14] = 0x40; // with a displacement of a byte: 16
    assert_int_equal(instruction_decode(bytes, 20, CODE_64, &instruction), DECODE_TOO_LONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_assembled_instructions),
        cmocka_unit_test(test_native_instructions),
        cmocka_unit_test(test_truncated_instructions),
        cmocka_unit_test(test_memory_operands),
        cmocka_unit_test(test_register_operands),
        cmocka_unit_test(test_immediates),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_lock),
        cmocka_unit_test(test_unknown_and_undefined),
        cmocka_unit_test(test_vector_prefixes),
        cmocka_unit_test(test_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
