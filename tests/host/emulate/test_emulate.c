// SPDX-License-Identifier: MIT
// Tests of the emulator: what instructions do to registers, memory, devices and flags.
#include "vmm/emulate/emulate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "tests/host/emulate/emulate_fixture.h"

// ---- Moves

static void test_reads(void **state)
{
    (void)state;
    guest.read_value = 0x1122334455667788;
    gpr[GPR_RAX] = 0xffffffffffffffff;
    RUN("\x8b\x03"); // mov eax, [rbx]
    assert_one_read(FAKE_MMIO + 0x20, 4);
    assert_int_equal(gpr[GPR_RAX], 0x55667788);
    RUN("\x48\x8b\x03"); // mov rax, [rbx]
    assert_one_read(FAKE_MMIO + 0x20, 8);
    assert_int_equal(gpr[GPR_RAX], 0x1122334455667788);
    gpr[GPR_RAX] = 0xffffffffffffffff;
    RUN("\x66\x8b\x03"); // mov ax, [rbx]
    assert_int_equal(gpr[GPR_RAX], 0xffffffffffff7788);
    RUN("\x8a\x23"); // mov ah, [rbx]
    assert_one_read(FAKE_MMIO + 0x20, 1);
    assert_int_equal(gpr[GPR_RAX], 0xffffffffffff8888);
    RUN("\x40\x8a\x23"); // mov spl, [rbx]
    assert_int_equal(guest.registers[REG_RSP], 0x7088);
    RUN("\xa1\x30\x00\xe0\xfe\x00\x00\x00\x00"); // mov eax, [0xfee00030]
    assert_one_read(FAKE_MMIO + 0x30, 4);
}

static void test_writes(void **state)
{
    (void)state;
    gpr[GPR_RAX] = 0x1122334455667788;
    RUN("\x89\x03"); // mov [rbx], eax
    assert_one_write(FAKE_MMIO + 0x20, 4, 0x55667788);
    RUN("\x48\x89\x43\xf8"); // mov [rbx-8], rax
    assert_one_write(FAKE_MMIO + 0x18, 8, 0x1122334455667788);
    RUN("\x88\x23"); // mov [rbx], ah
    assert_one_write(FAKE_MMIO + 0x20, 1, 0x77);
    RUN("\x48\xc7\x03\xff\xff\xff\xff"); // mov qword [rbx], -1
    assert_one_write(FAKE_MMIO + 0x20, 8, UINT64_MAX);
    RUN("\x66\xc7\x03\x34\x12"); // mov word [rbx], 0x1234
    assert_one_write(FAKE_MMIO + 0x20, 2, 0x1234);
    RUN("\x89\x23"); // mov [rbx], esp
    assert_one_write(FAKE_MMIO + 0x20, 4, 0x7000);
    RUN("\x48\x0f\xc3\x03"); // movnti [rbx], rax
    assert_one_write(FAKE_MMIO + 0x20, 8, 0x1122334455667788);
}

static void test_extending_reads(void **state)
{
    (void)state;
    guest.read_value = 0xffffffff80008081;
    gpr[GPR_RAX] = UINT64_MAX;
    RUN("\x0f\xb6\x03"); // movzx eax, byte [rbx]
    assert_one_read(FAKE_MMIO + 0x20, 1);
    assert_int_equal(gpr[GPR_RAX], 0x81);
    RUN("\x48\x0f\xbf\x03"); // movsx rax, word [rbx]
    assert_one_read(FAKE_MMIO + 0x20, 2);
    assert_int_equal(gpr[GPR_RAX], 0xffffffffffff8081);
    RUN("\x0f\xbe\x03"); // movsx eax, byte [rbx]
    assert_int_equal(gpr[GPR_RAX], 0xffffff81);
    RUN("\x48\x63\x03"); // movsxd rax, dword [rbx]
    assert_one_read(FAKE_MMIO + 0x20, 4);
    assert_int_equal(gpr[GPR_RAX], 0xffffffff80008081);
    gpr[GPR_RAX] = UINT64_MAX;
    RUN("\x66\x0f\xb6\x03"); // movzx ax, byte [rbx]
    assert_int_equal(gpr[GPR_RAX], 0xffffffffffff0081);
}

static void test_addresses(void **state)
{
    (void)state;
    gpr[GPR_RCX] = 4;
    gpr[GPR_R12] = FAKE_MMIO;
    RUN("\x41\x8b\x44\x8c\x10"); // mov eax, [r12+rcx*4+0x10]
    assert_one_read(FAKE_MMIO + 0x20, 4);
    guest.registers[REG_RSP] = FAKE_MMIO + 0x100;
    RUN("\x8b\x44\xcc\xf8"); // mov eax, [rsp+rcx*8-8]
    assert_one_read(FAKE_MMIO + 0x118, 4);
    gpr[GPR_RBX] |= 0xabcdef00000000;
    RUN("\x67\x8b\x03"); // mov eax, [ebx]
    assert_one_read(FAKE_MMIO + 0x20, 4);
    guest.segments[SEGMENT_GS].base = FAKE_MMIO;
    RUN("\x65\x8b\x04\x25\x40\x00\x00\x00"); // mov eax, [gs:0x40]
    assert_one_read(FAKE_MMIO + 0x40, 4);
    set_ram(0x9000, 0xabcd);
    RUN("\x8b\x05\xfa\x0f\x00\x00"); // mov eax, [rip+0xffa]: from FAKE_CODE + 6
    assert_int_equal(guest.access_count, 0);
    assert_int_equal(gpr[GPR_RAX], 0xabcd);
}

static void test_exit_tells_the_address(void **state)
{
    struct exit_memory exit = {.gpa = gpa(0xd0000020),
                               .gva = gva(0xffff900000000020),
                               .gva_valid = true,
                               .access = ACCESS_READ};
    (void)state;
    gpr[GPR_RBX] = exit.gva.value; // not in the page tables
    memcpy(guest.ram + FAKE_CODE, "\x8b\x03", 2);
    assert_int_equal(emulate_memory_access(&guest.core, &fake_guest_ops, &guest.memory, &guest.bus,
                                           &exit, NULL, &emulation),
                     EMULATE_DONE);
    assert_one_read(0xd0000020, 4);
    // It does not tell about a write, or about another address.
    memcpy(guest.ram + FAKE_CODE, "\x89\x03", 2);
    assert_int_equal(emulate_memory_access(&guest.core, &fake_guest_ops, &guest.memory, &guest.bus,
                                           &exit, NULL, &emulation),
                     EMULATE_FAULT);
    assert_fault(VECTOR_PF, true, 2);
    memcpy(guest.ram + FAKE_CODE, "\x8b\x43\x04", 3);
    assert_int_equal(emulate_memory_access(&guest.core, &fake_guest_ops, &guest.memory, &guest.bus,
                                           &exit, NULL, &emulation),
                     EMULATE_FAULT);
    assert_int_equal(guest.registers[REG_CR2], 0xffff900000000024);
}

// ---- Arithmetic

static void test_arithmetic_to_memory(void **state)
{
    (void)state;
    guest.read_value = 0xff;
    RUN("\x80\x03\x01"); // add byte [rbx], 1
    assert_read_and_write(FAKE_MMIO + 0x20, 1, 0);
    assert_int_equal(arithmetic_flags(), RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF);
    guest.read_value = 0x7fffffff;
    RUN("\x83\x13\x00"); // adc dword [rbx], 0: with the carry
    assert_read_and_write(FAKE_MMIO + 0x20, 4, 0x80000000);
    assert_int_equal(arithmetic_flags(), RFLAGS_OF | RFLAGS_SF | RFLAGS_PF | RFLAGS_AF);
    guest.read_value = 0;
    RUN("\x83\x2b\x01"); // sub dword [rbx], 1
    assert_read_and_write(FAKE_MMIO + 0x20, 4, 0xffffffff);
    assert_int_equal(arithmetic_flags(), RFLAGS_CF | RFLAGS_SF | RFLAGS_PF | RFLAGS_AF);
    guest.read_value = 5;
    gpr[GPR_RAX] = 4;
    RUN("\x48\x19\x03"); // sbb [rbx], rax: with the borrow
    assert_read_and_write(FAKE_MMIO + 0x20, 8, 0);
    assert_int_equal(arithmetic_flags(), RFLAGS_ZF | RFLAGS_PF);
    guest.read_value = 0xf0;
    RUN("\xf0\x80\x0b\x0f"); // lock or byte [rbx], 0xf
    assert_read_and_write(FAKE_MMIO + 0x20, 1, 0xff);
    assert_int_equal(arithmetic_flags(), RFLAGS_SF | RFLAGS_PF);
    RUN("\x80\x23\x0f"); // and byte [rbx], 0xf
    assert_read_and_write(FAKE_MMIO + 0x20, 1, 0);
    RUN("\x80\x33\xff"); // xor byte [rbx], 0xff
    assert_read_and_write(FAKE_MMIO + 0x20, 1, 0x0f);
}

static void test_comparisons_do_not_write(void **state)
{
    (void)state;
    guest.read_value = 0x10;
    RUN("\x83\x3b\x10"); // cmp dword [rbx], 0x10
    assert_one_read(FAKE_MMIO + 0x20, 4);
    assert_int_equal(arithmetic_flags(), RFLAGS_ZF | RFLAGS_PF);
    gpr[GPR_RAX] = 0x20;
    RUN("\x3b\x03"); // cmp eax, [rbx]
    assert_one_read(FAKE_MMIO + 0x20, 4);
    assert_int_equal(gpr[GPR_RAX], 0x20);
    assert_int_equal(arithmetic_flags(), 0);
    RUN("\x39\x03"); // cmp [rbx], eax
    assert_int_equal(arithmetic_flags(), RFLAGS_CF | RFLAGS_SF | RFLAGS_PF);
    RUN("\xf6\x03\x10"); // test byte [rbx], 0x10
    assert_one_read(FAKE_MMIO + 0x20, 1);
    assert_int_equal(arithmetic_flags(), 0);
    RUN("\x85\x03"); // test [rbx], eax
    assert_int_equal(arithmetic_flags(), RFLAGS_ZF | RFLAGS_PF);
}

static void test_arithmetic_to_register(void **state)
{
    (void)state;
    guest.read_value = 0x80000000;
    gpr[GPR_RAX] = 0xffffffff80000000;
    RUN("\x03\x03"); // add eax, [rbx]
    assert_one_read(FAKE_MMIO + 0x20, 4);
    assert_int_equal(gpr[GPR_RAX], 0);
    assert_int_equal(arithmetic_flags(), RFLAGS_CF | RFLAGS_OF | RFLAGS_ZF | RFLAGS_PF);
    RUN("\x48\x0b\x03"); // or rax, [rbx]
    assert_int_equal(gpr[GPR_RAX], 0x80000000);
}

static void test_unary(void **state)
{
    (void)state;
    guest.registers[REG_RFLAGS] |= RFLAGS_CF;
    guest.read_value = 0xffffffff;
    RUN("\xff\x03"); // inc dword [rbx]: the carry stays
    assert_read_and_write(FAKE_MMIO + 0x20, 4, 0);
    assert_int_equal(arithmetic_flags(), RFLAGS_CF | RFLAGS_ZF | RFLAGS_PF | RFLAGS_AF);
    guest.read_value = 0x80;
    RUN("\xfe\x0b"); // dec byte [rbx]
    assert_read_and_write(FAKE_MMIO + 0x20, 1, 0x7f);
    assert_int_equal(arithmetic_flags(), RFLAGS_CF | RFLAGS_OF | RFLAGS_AF);
    RUN("\xf6\x13"); // not byte [rbx]: no flags
    assert_read_and_write(FAKE_MMIO + 0x20, 1, 0x7f);
    assert_int_equal(arithmetic_flags(), RFLAGS_CF | RFLAGS_OF | RFLAGS_AF);
    RUN("\xf6\x1b"); // neg byte [rbx]
    assert_read_and_write(FAKE_MMIO + 0x20, 1, 0x80);
    assert_int_equal(arithmetic_flags(), RFLAGS_CF | RFLAGS_OF | RFLAGS_SF);
    guest.read_value = 0;
    RUN("\xf7\x1b"); // neg dword [rbx]
    assert_int_equal(arithmetic_flags(), RFLAGS_ZF | RFLAGS_PF);
}

static void test_exchanges(void **state)
{
    (void)state;
    guest.read_value = 0x11;
    gpr[GPR_RCX] = 0xffffffffffffff22;
    RUN("\x87\x0b"); // xchg [rbx], ecx
    assert_read_and_write(FAKE_MMIO + 0x20, 4, 0xffffff22);
    assert_int_equal(gpr[GPR_RCX], 0x11);
    assert_int_equal(arithmetic_flags(), 0);
    RUN("\xf0\x0f\xc1\x0b"); // lock xadd [rbx], ecx
    assert_read_and_write(FAKE_MMIO + 0x20, 4, 0x22);
    assert_int_equal(gpr[GPR_RCX], 0x11);
    assert_int_equal(arithmetic_flags(), RFLAGS_PF);
}

static void test_compare_exchange(void **state)
{
    (void)state;
    guest.read_value = 7;
    gpr[GPR_RAX] = 0xff00000007;
    gpr[GPR_RCX] = 9;
    RUN("\xf0\x0f\xb1\x0b"); // lock cmpxchg [rbx], ecx
    assert_read_and_write(FAKE_MMIO + 0x20, 4, 9);
    assert_int_equal(gpr[GPR_RAX], 0xff00000007);
    assert_int_equal(arithmetic_flags(), RFLAGS_ZF | RFLAGS_PF);
    gpr[GPR_RAX] = 6;
    RUN("\x48\x0f\xb1\x0b"); // cmpxchg [rbx], rcx: writes back what was there
    assert_read_and_write(FAKE_MMIO + 0x20, 8, 7);
    assert_int_equal(gpr[GPR_RAX], 7);
    assert_int_equal(arithmetic_flags(), RFLAGS_CF | RFLAGS_SF | RFLAGS_PF | RFLAGS_AF);
}

static void test_bits(void **state)
{
    (void)state;
    guest.read_value = 0x100;
    RUN("\x0f\xba\x23\x28"); // bt dword [rbx], 40: bit 8
    assert_one_read(FAKE_MMIO + 0x20, 4);
    assert_int_equal(arithmetic_flags(), RFLAGS_CF);
    RUN("\x0f\xba\x33\x08"); // btr dword [rbx], 8
    assert_read_and_write(FAKE_MMIO + 0x20, 4, 0);
    assert_int_equal(arithmetic_flags(), RFLAGS_CF);
    gpr[GPR_RCX] = 32 + 9;
    RUN("\x0f\xab\x0b"); // bts [rbx], ecx: the next dword's bit 9
    assert_read_and_write(FAKE_MMIO + 0x24, 4, 0x300);
    assert_int_equal(arithmetic_flags(), 0);
    gpr[GPR_RCX] = 0xffffffff; // -1: the dword before, bit 31
    RUN("\x0f\xbb\x0b");       // btc [rbx], ecx
    assert_read_and_write(FAKE_MMIO + 0x1c, 4, 0x80000100);
    gpr[GPR_RCX] = 64;
    RUN("\x48\x0f\xa3\x0b"); // bt [rbx], rcx
    assert_one_read(FAKE_MMIO + 0x28, 8);
    gpr[GPR_RCX] = 17;
    RUN("\x66\x0f\xa3\x0b"); // bt [rbx], cx
    assert_one_read(FAKE_MMIO + 0x22, 2);
}

static void test_push_and_pop(void **state)
{
    (void)state;
    guest.read_value = 0x1122334455667788;
    RUN("\xff\x33"); // push qword [rbx]
    assert_one_read(FAKE_MMIO + 0x20, 8);
    assert_int_equal(guest.registers[REG_RSP], 0x6ff8);
    assert_int_equal(ram_at(0x6ff8, 8), 0x1122334455667788);
    RUN("\x8f\x03"); // pop qword [rbx]
    assert_one_write(FAKE_MMIO + 0x20, 8, 0x1122334455667788);
    assert_int_equal(guest.registers[REG_RSP], 0x7000);
    set_ram(0x7000, 0xaa);
    RUN("\x8f\x44\x24\x10"); // pop qword [rsp+0x10]: with the new stack pointer
    assert_int_equal(ram_at(0x7018, 8), 0xaa);
    assert_int_equal(guest.registers[REG_RSP], 0x7008);
    guest.registers[REG_RSP] = FAKE_PAGE_MISSING + 4;
    assert_int_equal(EMULATE("\xff\x33"), EMULATE_FAULT);
    assert_int_equal(guest.registers[REG_RSP], FAKE_PAGE_MISSING + 4);
}

static void test_compare_exchange_of_pairs(void **state)
{
    (void)state;
    guest.read_value = 0x1122334455667788;
    gpr[GPR_RAX] = 0xff55667788;
    gpr[GPR_RDX] = 0xff11223344;
    gpr[GPR_RCX] = 0xffaabbccdd;
    gpr[GPR_RSI] = FAKE_MMIO + 0x40;
    RUN("\xf0\x0f\xc7\x0e"); // lock cmpxchg8b [rsi]
    assert_read_and_write(FAKE_MMIO + 0x40, 8, 0xaabbccdd00000000 | (uint32_t)gpr[GPR_RBX]);
    assert_int_equal(arithmetic_flags(), RFLAGS_ZF);
    assert_int_equal(gpr[GPR_RAX], 0xff55667788);
    RUN("\x48\x0f\xc7\x0e"); // cmpxchg16b [rsi]: in halves, and what was there is written back
    assert_int_equal(guest.access_count, 4);
    assert_access(0, false, FAKE_MMIO + 0x40, 8, 0);
    assert_access(1, false, FAKE_MMIO + 0x48, 8, 0);
    assert_access(2, true, FAKE_MMIO + 0x40, 8, 0x1122334455667788);
    assert_access(3, true, FAKE_MMIO + 0x48, 8, 0x1122334455667788);
    assert_int_equal(arithmetic_flags(), 0);
    assert_int_equal(gpr[GPR_RDX], 0x1122334455667788);
    gpr[GPR_RSI] += 8;
    assert_int_equal(EMULATE("\x48\x0f\xc7\x0e"), EMULATE_FAULT);
    assert_fault(VECTOR_GP, true, 0);
}

static void test_system_registers(void **state)
{
    (void)state;
    guest.segments[SEGMENT_DS].selector = 0x23;
    guest.segments[SEGMENT_LDTR].selector = 0x28;
    guest.segments[SEGMENT_TR].selector = 0x40;
    RUN("\x8c\x1b"); // mov [rbx], ds
    assert_one_write(FAKE_MMIO + 0x20, 2, 0x23);
    RUN("\x0f\x01\x23"); // smsw [rbx]
    assert_one_write(FAKE_MMIO + 0x20, 2, CR0_PE);
    RUN("\x48\x0f\x00\x03"); // sldt [rbx]: 2 bytes also with REX.W
    assert_one_write(FAKE_MMIO + 0x20, 2, 0x28);
    RUN("\x0f\x00\x0b"); // str [rbx]
    assert_one_write(FAKE_MMIO + 0x20, 2, 0x40);
    assert_int_equal(EMULATE("\x8c\x33"), EMULATE_FAULT); // no such register
    assert_fault(VECTOR_UD, false, 0);
    guest.segments[SEGMENT_CS].attributes |= 3 << SEGMENT_DPL_SHIFT;
    guest.registers[REG_CR4] |= CR4_UMIP;
    for (uint64_t at = 0x1000; at < 0x6000; at += 8) {
        set_ram(at, ram_at(at, 8) != 0 ? ram_at(at, 8) | 4 : 0); // the program's pages
    }
    assert_int_equal(EMULATE("\x0f\x01\x23"), EMULATE_FAULT);
    assert_fault(VECTOR_GP, true, 0);
    fake_guest_real_mode(&guest);
    assert_int_equal(EMULATE("\x0f\x00\x08"), EMULATE_FAULT);
    assert_fault(VECTOR_UD, false, 0);
}

static void test_division_faults(void **state)
{
    (void)state;
    guest.read_value = 0;
    assert_int_equal(EMULATE("\xf7\x33"), EMULATE_FAULT); // div dword [rbx]
    assert_fault(VECTOR_DE, false, 0);
    guest.read_value = UINT64_MAX;
    gpr[GPR_RAX] = 0x80000000;
    gpr[GPR_RDX] = UINT64_MAX;
    assert_int_equal(EMULATE("\xf7\x3b"), EMULATE_FAULT); // idiv dword [rbx]: -2^31 / -1
    assert_fault(VECTOR_DE, false, 0);
    assert_int_equal(gpr[GPR_RAX], 0x80000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EMULATE_TEST(test_reads),
        EMULATE_TEST(test_writes),
        EMULATE_TEST(test_extending_reads),
        EMULATE_TEST(test_addresses),
        EMULATE_TEST(test_exit_tells_the_address),
        EMULATE_TEST(test_arithmetic_to_memory),
        EMULATE_TEST(test_comparisons_do_not_write),
        EMULATE_TEST(test_arithmetic_to_register),
        EMULATE_TEST(test_unary),
        EMULATE_TEST(test_exchanges),
        EMULATE_TEST(test_compare_exchange),
        EMULATE_TEST(test_bits),
        EMULATE_TEST(test_push_and_pop),
        EMULATE_TEST(test_compare_exchange_of_pairs),
        EMULATE_TEST(test_system_registers),
        EMULATE_TEST(test_division_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
