// SPDX-License-Identifier: MIT
// Instructions that the emulator and the processor carry out side by side, as NASM assembled them.
// Their memory operand is at RSI.
#pragma once

#include "arch/x86/registers.h"
#include "vmm/util/types.h"

#define BYTES(text) text, sizeof(text) - 1

struct native_row {
    const char *text;
    const char *bytes;
    uint8_t length;
    uint32_t undefined; // the flags that the instruction leaves undefined, and NATIVE_*
};

enum native_flags {
    NATIVE_MMX = BIT(22), // what the processor must have
    NATIVE_SSE = BIT(23), // all up to SSE4.2
    NATIVE_SSE4A = BIT(24),
    NATIVE_AVX = BIT(25),
    NATIVE_AVX2 = BIT(26),
    NATIVE_AVX512 = BIT(27), // with BW, DQ and VL
    NATIVE_VECTOR = 0x3f * BIT(22),
    NATIVE_NEAR = BIT(31), // RCX is a bit's number: near the memory operand
};

#define CF_ RFLAGS_CF
#define PF_ RFLAGS_PF
#define AF_ RFLAGS_AF
#define ZF_ RFLAGS_ZF
#define SF_ RFLAGS_SF
#define OF_ RFLAGS_OF
#define ALL_ (CF_ | PF_ | AF_ | ZF_ | SF_ | OF_)
#define BIT_ (NATIVE_NEAR | (ALL_ & ~CF_))
#define MUL_ (SF_ | ZF_ | AF_ | PF_)
#define COUNT_ (OF_ | SF_ | PF_ | AF_)

// clang-format off
static const struct native_row native_rows[] = {
    {"mov cx, [rsi]", BYTES("\x66\x8b\x0e"), 0},
    {"movbe ecx, [rsi]", BYTES("\x0f\x38\xf0\x0e"), 0},
    {"movbe cx, [rsi]", BYTES("\x66\x0f\x38\xf0\x0e"), 0},
    {"movbe [rsi], rdx", BYTES("\x48\x0f\x38\xf1\x16"), 0},
    {"cmovz ecx, [rsi]", BYTES("\x0f\x44\x0e"), 0},
    {"cmovnz rcx, [rsi]", BYTES("\x48\x0f\x45\x0e"), 0},
    {"cmovbe cx, [rsi]", BYTES("\x66\x0f\x46\x0e"), 0},
    {"cmovl ecx, [rsi]", BYTES("\x0f\x4c\x0e"), 0},
    {"cmovg ecx, [rsi]", BYTES("\x0f\x4f\x0e"), 0},
    {"cmovs ecx, [rsi]", BYTES("\x0f\x48\x0e"), 0},
    {"cmovp ecx, [rsi]", BYTES("\x0f\x4a\x0e"), 0},
    {"cmovno ecx, [rsi]", BYTES("\x0f\x41\x0e"), 0},
    {"seta [rsi]", BYTES("\x0f\x97\x06"), 0},
    {"setge [rsi]", BYTES("\x0f\x9d\x06"), 0},
    {"setle [rsi]", BYTES("\x0f\x9e\x06"), 0},
    {"setc [rsi]", BYTES("\x0f\x92\x06"), 0},
    {"rol byte [rsi], 1", BYTES("\xd0\x06"), 0},
    {"rol byte [rsi], cl", BYTES("\xd2\x06"), OF_},
    {"rol word [rsi], 9", BYTES("\x66\xc1\x06\x09"), OF_},
    {"rol dword [rsi], cl", BYTES("\xd3\x06"), OF_},
    {"rol qword [rsi], 33", BYTES("\x48\xc1\x06\x21"), OF_},
    {"ror byte [rsi], 1", BYTES("\xd0\x0e"), 0},
    {"ror word [rsi], cl", BYTES("\x66\xd3\x0e"), OF_},
    {"ror dword [rsi], 31", BYTES("\xc1\x0e\x1f"), OF_},
    {"ror qword [rsi], cl", BYTES("\x48\xd3\x0e"), OF_},
    {"rcl byte [rsi], 1", BYTES("\xd0\x16"), 0},
    {"rcl byte [rsi], cl", BYTES("\xd2\x16"), OF_},
    {"rcl word [rsi], 17", BYTES("\x66\xc1\x16\x11"), OF_},
    {"rcl dword [rsi], cl", BYTES("\xd3\x16"), OF_},
    {"rcl qword [rsi], 40", BYTES("\x48\xc1\x16\x28"), OF_},
    {"rcr byte [rsi], 1", BYTES("\xd0\x1e"), 0},
    {"rcr byte [rsi], cl", BYTES("\xd2\x1e"), OF_},
    {"rcr word [rsi], cl", BYTES("\x66\xd3\x1e"), OF_},
    {"rcr dword [rsi], 9", BYTES("\xc1\x1e\x09"), OF_},
    {"rcr qword [rsi], cl", BYTES("\x48\xd3\x1e"), OF_},
    {"shl byte [rsi], 1", BYTES("\xd0\x26"), AF_},
    {"shl word [rsi], 3", BYTES("\x66\xc1\x26\x03"), AF_ | OF_},
    {"shl dword [rsi], cl", BYTES("\xd3\x26"), AF_ | OF_},
    {"shl qword [rsi], cl", BYTES("\x48\xd3\x26"), AF_ | OF_},
    {"shr byte [rsi], 1", BYTES("\xd0\x2e"), AF_},
    {"shr word [rsi], 15", BYTES("\x66\xc1\x2e\x0f"), AF_ | OF_},
    {"shr dword [rsi], cl", BYTES("\xd3\x2e"), AF_ | OF_},
    {"shr qword [rsi], 63", BYTES("\x48\xc1\x2e\x3f"), AF_ | OF_},
    {"sar byte [rsi], 1", BYTES("\xd0\x3e"), AF_},
    {"sar word [rsi], 15", BYTES("\x66\xc1\x3e\x0f"), AF_ | OF_},
    {"sar dword [rsi], cl", BYTES("\xd3\x3e"), AF_ | OF_},
    {"sar qword [rsi], cl", BYTES("\x48\xd3\x3e"), AF_ | OF_},
    {"shld word [rsi], dx, 5", BYTES("\x66\x0f\xa4\x16\x05"), AF_ | OF_},
    {"shld dword [rsi], edx, 1", BYTES("\x0f\xa4\x16\x01"), AF_},
    {"shld dword [rsi], edx, cl", BYTES("\x0f\xa5\x16"), AF_ | OF_},
    {"shld qword [rsi], rdx, cl", BYTES("\x48\x0f\xa5\x16"), AF_ | OF_},
    {"shrd word [rsi], dx, 15", BYTES("\x66\x0f\xac\x16\x0f"), AF_ | OF_},
    {"shrd dword [rsi], edx, cl", BYTES("\x0f\xad\x16"), AF_ | OF_},
    {"shrd qword [rsi], rdx, 1", BYTES("\x48\x0f\xac\x16\x01"), AF_},
    {"mul byte [rsi]", BYTES("\xf6\x26"), MUL_},
    {"mul word [rsi]", BYTES("\x66\xf7\x26"), MUL_},
    {"mul dword [rsi]", BYTES("\xf7\x26"), MUL_},
    {"mul qword [rsi]", BYTES("\x48\xf7\x26"), MUL_},
    {"imul byte [rsi]", BYTES("\xf6\x2e"), MUL_},
    {"imul word [rsi]", BYTES("\x66\xf7\x2e"), MUL_},
    {"imul dword [rsi]", BYTES("\xf7\x2e"), MUL_},
    {"imul qword [rsi]", BYTES("\x48\xf7\x2e"), MUL_},
    {"div byte [rsi]", BYTES("\xf6\x36"), ALL_},
    {"div word [rsi]", BYTES("\x66\xf7\x36"), ALL_},
    {"div dword [rsi]", BYTES("\xf7\x36"), ALL_},
    {"div qword [rsi]", BYTES("\x48\xf7\x36"), ALL_},
    {"idiv byte [rsi]", BYTES("\xf6\x3e"), ALL_},
    {"idiv word [rsi]", BYTES("\x66\xf7\x3e"), ALL_},
    {"idiv dword [rsi]", BYTES("\xf7\x3e"), ALL_},
    {"idiv qword [rsi]", BYTES("\x48\xf7\x3e"), ALL_},
    {"imul cx, [rsi]", BYTES("\x66\x0f\xaf\x0e"), MUL_},
    {"imul ecx, [rsi]", BYTES("\x0f\xaf\x0e"), MUL_},
    {"imul rcx, [rsi]", BYTES("\x48\x0f\xaf\x0e"), MUL_},
    {"imul ecx, [rsi], -7", BYTES("\x6b\x0e\xf9"), MUL_},
    {"imul cx, [rsi], 0x1234", BYTES("\x66\x69\x0e\x34\x12"), MUL_},
    {"imul rcx, [rsi], 0x12345678", BYTES("\x48\x69\x0e\x78\x56\x34\x12"), MUL_},
    {"bsf cx, [rsi]", BYTES("\x66\x0f\xbc\x0e"), ALL_ & ~ZF_},
    {"bsf ecx, [rsi]", BYTES("\x0f\xbc\x0e"), ALL_ & ~ZF_},
    {"bsf rcx, [rsi]", BYTES("\x48\x0f\xbc\x0e"), ALL_ & ~ZF_},
    {"bsr cx, [rsi]", BYTES("\x66\x0f\xbd\x0e"), ALL_ & ~ZF_},
    {"bsr ecx, [rsi]", BYTES("\x0f\xbd\x0e"), ALL_ & ~ZF_},
    {"bsr rcx, [rsi]", BYTES("\x48\x0f\xbd\x0e"), ALL_ & ~ZF_},
    {"tzcnt cx, [rsi]", BYTES("\x66\xf3\x0f\xbc\x0e"), COUNT_},
    {"tzcnt ecx, [rsi]", BYTES("\xf3\x0f\xbc\x0e"), COUNT_},
    {"tzcnt rcx, [rsi]", BYTES("\xf3\x48\x0f\xbc\x0e"), COUNT_},
    {"lzcnt cx, [rsi]", BYTES("\x66\xf3\x0f\xbd\x0e"), COUNT_},
    {"lzcnt ecx, [rsi]", BYTES("\xf3\x0f\xbd\x0e"), COUNT_},
    {"lzcnt rcx, [rsi]", BYTES("\xf3\x48\x0f\xbd\x0e"), COUNT_},
    {"popcnt cx, [rsi]", BYTES("\x66\xf3\x0f\xb8\x0e"), 0},
    {"popcnt ecx, [rsi]", BYTES("\xf3\x0f\xb8\x0e"), 0},
    {"popcnt rcx, [rsi]", BYTES("\xf3\x48\x0f\xb8\x0e"), 0},
    {"crc32 ecx, byte [rsi]", BYTES("\xf2\x0f\x38\xf0\x0e"), 0},
    {"crc32 rcx, byte [rsi]", BYTES("\xf2\x48\x0f\x38\xf0\x0e"), 0},
    {"crc32 ecx, word [rsi]", BYTES("\x66\xf2\x0f\x38\xf1\x0e"), 0},
    {"crc32 ecx, dword [rsi]", BYTES("\xf2\x0f\x38\xf1\x0e"), 0},
    {"crc32 rcx, qword [rsi]", BYTES("\xf2\x48\x0f\x38\xf1\x0e"), 0},
    {"cmpxchg8b [rsi]", BYTES("\x0f\xc7\x0e"), 0},
    {"lock cmpxchg8b [rsi]", BYTES("\xf0\x0f\xc7\x0e"), 0},
    {"lock cmpxchg16b [rsi]", BYTES("\xf0\x48\x0f\xc7\x0e"), 0},
    {"cmpxchg16b [rsi+8]", BYTES("\x48\x0f\xc7\x4e\x08"), 0},
    {"cmpxchg [rsi], ecx", BYTES("\x0f\xb1\x0e"), 0},
    {"lock xadd [rsi], rcx", BYTES("\xf0\x48\x0f\xc1\x0e"), 0},
    {"xchg [rsi], cl", BYTES("\x86\x0e"), 0},
    {"bt [rsi], ecx", BYTES("\x0f\xa3\x0e"), BIT_},
    {"lock bts [rsi], rcx", BYTES("\xf0\x48\x0f\xab\x0e"), BIT_},
    {"btr [rsi], cx", BYTES("\x66\x0f\xb3\x0e"), BIT_},
    {"btc dword [rsi], 37", BYTES("\x0f\xba\x3e\x25"), BIT_},
    {"mov [rsi], ds", BYTES("\x8c\x1e"), 0},
    {"add [rsi], rcx", BYTES("\x48\x01\x0e"), 0},
    {"adc cl, [rsi]", BYTES("\x12\x0e"), 0},
    {"sbb [rsi], ecx", BYTES("\x19\x0e"), 0},
    {"sub word [rsi], 0x1234", BYTES("\x66\x81\x2e\x34\x12"), 0},
    {"cmp [rsi], cl", BYTES("\x38\x0e"), 0},
    {"neg dword [rsi]", BYTES("\xf7\x1e"), 0},
    {"inc qword [rsi]", BYTES("\x48\xff\x06"), 0},
    {"dec byte [rsi]", BYTES("\xfe\x0e"), 0},
    {"not word [rsi]", BYTES("\x66\xf7\x16"), 0},
    {"and ecx, [rsi]", BYTES("\x23\x0e"), AF_},
    {"or [rsi], cx", BYTES("\x66\x09\x0e"), AF_},
    {"xor qword [rsi], -3", BYTES("\x48\x83\x36\xfd"), AF_},
    {"test byte [rsi], 0x81", BYTES("\xf6\x06\x81"), AF_},
    {"movzx ecx, byte [rsi]", BYTES("\x0f\xb6\x0e"), 0},
    {"movsx rcx, word [rsi]", BYTES("\x48\x0f\xbf\x0e"), 0},
    {"movsxd rcx, dword [rsi]", BYTES("\x48\x63\x0e"), 0},
    {"movnti [rsi], ecx", BYTES("\x0f\xc3\x0e"), 0},
};
// clang-format on
