// SPDX-License-Identifier: MIT
// Tests of the emulator: what instructions do to registers, memory, devices and flags, and the
// faults that end them.
#include "vmm/emulate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "tests/host/fake_guest.h"

#define ARITHMETIC_FLAGS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

static struct fake_guest guest;
static struct emulation emulation;
static uint64_t *const gpr = guest.core.registers.gpr;

static int set_up(void **state)
{
    (void)state;
    fake_guest_long_mode(&guest);
    memset(&emulation, 0, sizeof(emulation));
    gpr[GPR_RBX] = FAKE_MMIO + 0x20; // what most instructions below use as their address
    return 0;
}

static enum emulate_result emulate(const char *bytes, size_t length)
{
    uint64_t rip = guest.registers[REG_RIP] + guest.segments[SEGMENT_CS].base;

    memcpy(guest.ram + rip, bytes, length);
    guest.access_count = 0;
    return emulate_memory_access(&guest.core, &fake_guest_ops, &guest.memory, &guest.bus, NULL,
                                 NULL, &emulation);
}

#define EMULATE(bytes) emulate(bytes, sizeof(bytes) - 1)

// Carries out one instruction and checks that all of it was done.
#define RUN(bytes)                                                                                 \
    do {                                                                                           \
        assert_int_equal(EMULATE(bytes), EMULATE_DONE);                                            \
        assert_int_equal(emulation.length, sizeof(bytes) - 1);                                     \
    } while (0)

static void assert_access(unsigned index, bool write, uint64_t address, unsigned width,
                          uint64_t value)
{
    assert_true(index < guest.access_count);
    assert_int_equal(guest.accesses[index].write, write);
    assert_int_equal(guest.accesses[index].address, address);
    assert_int_equal(guest.accesses[index].width, width);
    if (write) {
        assert_int_equal(guest.accesses[index].value, value);
    }
}

static void assert_one_read(uint64_t address, unsigned width)
{
    assert_int_equal(guest.access_count, 1);
    assert_access(0, false, address, width, 0);
}

static void assert_one_write(uint64_t address, unsigned width, uint64_t value)
{
    assert_int_equal(guest.access_count, 1);
    assert_access(0, true, address, width, value);
}

static void assert_read_and_write(uint64_t address, unsigned width, uint64_t value)
{
    assert_int_equal(guest.access_count, 2);
    assert_access(0, false, address, width, 0);
    assert_access(1, true, address, width, value);
}

static void assert_fault(uint8_t vector, bool has_error_code, uint32_t error_code)
{
    assert_int_equal(emulation.event.type, EVENT_EXCEPTION);
    assert_int_equal(emulation.event.vector, vector);
    assert_int_equal(emulation.event.has_error_code, has_error_code);
    assert_int_equal(emulation.event.error_code, error_code);
}

static uint64_t ram_at(uint64_t address, unsigned width)
{
    uint64_t value = 0;

    memcpy(&value, guest.ram + address, width);
    return value;
}

static void set_ram(uint64_t address, uint64_t value)
{
    memcpy(guest.ram + address, &value, sizeof(value));
}

static uint64_t flags(void)
{
    return guest.registers[REG_RFLAGS] & ARITHMETIC_FLAGS;
}

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
    assert_int_equal(flags(), RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF);
    guest.read_value = 0x7fffffff;
    RUN("\x83\x13\x00"); // adc dword [rbx], 0: with the carry
    assert_read_and_write(FAKE_MMIO + 0x20, 4, 0x80000000);
    assert_int_equal(flags(), RFLAGS_OF | RFLAGS_SF | RFLAGS_PF | RFLAGS_AF);
    guest.read_value = 0;
    RUN("\x83\x2b\x01"); // sub dword [rbx], 1
    assert_read_and_write(FAKE_MMIO + 0x20, 4, 0xffffffff);
    assert_int_equal(flags(), RFLAGS_CF | RFLAGS_SF | RFLAGS_PF | RFLAGS_AF);
    guest.read_value = 5;
    gpr[GPR_RAX] = 4;
    RUN("\x48\x19\x03"); // sbb [rbx], rax: with the borrow
    assert_read_and_write(FAKE_MMIO + 0x20, 8, 0);
    assert_int_equal(flags(), RFLAGS_ZF | RFLAGS_PF);
    guest.read_value = 0xf0;
    RUN("\xf0\x80\x0b\x0f"); // lock or byte [rbx], 0xf
    assert_read_and_write(FAKE_MMIO + 0x20, 1, 0xff);
    assert_int_equal(flags(), RFLAGS_SF | RFLAGS_PF);
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
    assert_int_equal(flags(), RFLAGS_ZF | RFLAGS_PF);
    gpr[GPR_RAX] = 0x20;
    RUN("\x3b\x03"); // cmp eax, [rbx]
    assert_one_read(FAKE_MMIO + 0x20, 4);
    assert_int_equal(gpr[GPR_RAX], 0x20);
    assert_int_equal(flags(), 0);
    RUN("\x39\x03"); // cmp [rbx], eax
    assert_int_equal(flags(), RFLAGS_CF | RFLAGS_SF | RFLAGS_PF);
    RUN("\xf6\x03\x10"); // test byte [rbx], 0x10
    assert_one_read(FAKE_MMIO + 0x20, 1);
    assert_int_equal(flags(), 0);
    RUN("\x85\x03"); // test [rbx], eax
    assert_int_equal(flags(), RFLAGS_ZF | RFLAGS_PF);
}

static void test_arithmetic_to_register(void **state)
{
    (void)state;
    guest.read_value = 0x80000000;
    gpr[GPR_RAX] = 0xffffffff80000000;
    RUN("\x03\x03"); // add eax, [rbx]
    assert_one_read(FAKE_MMIO + 0x20, 4);
    assert_int_equal(gpr[GPR_RAX], 0);
    assert_int_equal(flags(), RFLAGS_CF | RFLAGS_OF | RFLAGS_ZF | RFLAGS_PF);
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
    assert_int_equal(flags(), RFLAGS_CF | RFLAGS_ZF | RFLAGS_PF | RFLAGS_AF);
    guest.read_value = 0x80;
    RUN("\xfe\x0b"); // dec byte [rbx]
    assert_read_and_write(FAKE_MMIO + 0x20, 1, 0x7f);
    assert_int_equal(flags(), RFLAGS_CF | RFLAGS_OF | RFLAGS_AF);
    RUN("\xf6\x13"); // not byte [rbx]: no flags
    assert_read_and_write(FAKE_MMIO + 0x20, 1, 0x7f);
    assert_int_equal(flags(), RFLAGS_CF | RFLAGS_OF | RFLAGS_AF);
    RUN("\xf6\x1b"); // neg byte [rbx]
    assert_read_and_write(FAKE_MMIO + 0x20, 1, 0x80);
    assert_int_equal(flags(), RFLAGS_CF | RFLAGS_OF | RFLAGS_SF);
    guest.read_value = 0;
    RUN("\xf7\x1b"); // neg dword [rbx]
    assert_int_equal(flags(), RFLAGS_ZF | RFLAGS_PF);
}

static void test_exchanges(void **state)
{
    (void)state;
    guest.read_value = 0x11;
    gpr[GPR_RCX] = 0xffffffffffffff22;
    RUN("\x87\x0b"); // xchg [rbx], ecx
    assert_read_and_write(FAKE_MMIO + 0x20, 4, 0xffffff22);
    assert_int_equal(gpr[GPR_RCX], 0x11);
    assert_int_equal(flags(), 0);
    RUN("\xf0\x0f\xc1\x0b"); // lock xadd [rbx], ecx
    assert_read_and_write(FAKE_MMIO + 0x20, 4, 0x22);
    assert_int_equal(gpr[GPR_RCX], 0x11);
    assert_int_equal(flags(), RFLAGS_PF);
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
    assert_int_equal(flags(), RFLAGS_ZF | RFLAGS_PF);
    gpr[GPR_RAX] = 6;
    RUN("\x48\x0f\xb1\x0b"); // cmpxchg [rbx], rcx: writes back what was there
    assert_read_and_write(FAKE_MMIO + 0x20, 8, 7);
    assert_int_equal(gpr[GPR_RAX], 7);
    assert_int_equal(flags(), RFLAGS_CF | RFLAGS_SF | RFLAGS_PF | RFLAGS_AF);
}

static void test_bits(void **state)
{
    (void)state;
    guest.read_value = 0x100;
    RUN("\x0f\xba\x23\x28"); // bt dword [rbx], 40: bit 8
    assert_one_read(FAKE_MMIO + 0x20, 4);
    assert_int_equal(flags(), RFLAGS_CF);
    RUN("\x0f\xba\x33\x08"); // btr dword [rbx], 8
    assert_read_and_write(FAKE_MMIO + 0x20, 4, 0);
    assert_int_equal(flags(), RFLAGS_CF);
    gpr[GPR_RCX] = 32 + 9;
    RUN("\x0f\xab\x0b"); // bts [rbx], ecx: the next dword's bit 9
    assert_read_and_write(FAKE_MMIO + 0x24, 4, 0x300);
    assert_int_equal(flags(), 0);
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

// ---- Strings

static void test_move_string(void **state)
{
    (void)state;
    set_ram(0x9000, 0x1122334455667788);
    gpr[GPR_RSI] = 0x9000;
    gpr[GPR_RDI] = FAKE_MMIO;
    gpr[GPR_RCX] = 3;
    RUN("\x66\xa5"); // movsw: once, RCX does not count
    assert_one_write(FAKE_MMIO, 2, 0x7788);
    assert_int_equal(gpr[GPR_RSI], 0x9002);
    assert_int_equal(gpr[GPR_RDI], FAKE_MMIO + 2);
    assert_int_equal(gpr[GPR_RCX], 3);
    RUN("\xf3\xa4"); // rep movsb
    assert_int_equal(guest.access_count, 3);
    assert_access(2, true, FAKE_MMIO + 4, 1, 0x44);
    assert_int_equal(gpr[GPR_RCX], 0);
    RUN("\xf3\xa4"); // nothing left
    assert_int_equal(guest.access_count, 0);
    assert_int_equal(gpr[GPR_RDI], FAKE_MMIO + 5);
}

static void test_strings_downwards(void **state)
{
    (void)state;
    guest.registers[REG_RFLAGS] |= RFLAGS_DF;
    guest.read_value = 0xabcd1234;
    gpr[GPR_RSI] = FAKE_MMIO + 8;
    gpr[GPR_RDI] = 0x9008;
    gpr[GPR_RCX] = 2;
    RUN("\xf3\xa5"); // rep movsd
    assert_access(0, false, FAKE_MMIO + 8, 4, 0);
    assert_access(1, false, FAKE_MMIO + 4, 4, 0);
    assert_int_equal(ram_at(0x9004, 8), 0xabcd1234abcd1234);
    assert_int_equal(gpr[GPR_RSI], FAKE_MMIO);
    assert_int_equal(gpr[GPR_RDI], 0x9000);
}

static void test_store_and_load_string(void **state)
{
    (void)state;
    gpr[GPR_RAX] = 0x1122334455667788;
    gpr[GPR_RDI] = FAKE_MMIO;
    gpr[GPR_RCX] = 2;
    RUN("\xf3\x48\xab"); // rep stosq
    assert_access(1, true, FAKE_MMIO + 8, 8, 0x1122334455667788);
    guest.read_value = 0x99;
    gpr[GPR_RSI] = FAKE_MMIO + 1;
    RUN("\xac"); // lodsb
    assert_one_read(FAKE_MMIO + 1, 1);
    assert_int_equal(gpr[GPR_RAX], 0x1122334455667799);
    assert_int_equal(gpr[GPR_RSI], FAKE_MMIO + 2);
}

static void test_compare_and_scan_strings(void **state)
{
    (void)state;
    memcpy(guest.ram + 0x9000, "aaab", 4);
    guest.read_value = 'a';
    gpr[GPR_RSI] = 0x9000;
    gpr[GPR_RDI] = FAKE_MMIO;
    gpr[GPR_RCX] = 10;
    RUN("\xf3\xa6"); // repe cmpsb: ends at the b
    assert_int_equal(guest.access_count, 4);
    assert_int_equal(gpr[GPR_RCX], 6);
    assert_int_equal(gpr[GPR_RSI], 0x9004);
    assert_int_equal(flags(), 0);
    gpr[GPR_RAX] = 'a';
    RUN("\xf2\xae"); // repne scasb: found at once
    assert_one_read(FAKE_MMIO + 4, 1);
    assert_int_equal(gpr[GPR_RCX], 5);
    assert_int_equal(flags(), RFLAGS_ZF | RFLAGS_PF);
    gpr[GPR_RAX] = 'b';
    RUN("\xf2\xae"); // not found
    assert_int_equal(gpr[GPR_RCX], 0);
}

static void test_long_repetition_is_split(void **state)
{
    (void)state;
    gpr[GPR_RDI] = FAKE_MMIO;
    gpr[GPR_RCX] = EMULATE_ITERATIONS_MAX + 1;
    assert_int_equal(EMULATE("\xf3\xaa"), EMULATE_AGAIN);
    assert_int_equal(guest.access_count, EMULATE_ITERATIONS_MAX);
    assert_int_equal(gpr[GPR_RCX], 1);
    assert_int_equal(gpr[GPR_RDI], FAKE_MMIO + EMULATE_ITERATIONS_MAX);
    RUN("\xf3\xaa");
    assert_int_equal(guest.access_count, 1);
}

// What was done before the fault stays done.
static void test_fault_in_a_repetition(void **state)
{
    (void)state;
    guest.read_value = 0x5a;
    gpr[GPR_RSI] = FAKE_MMIO;
    gpr[GPR_RDI] = FAKE_PAGE_READ_ONLY - 2;
    gpr[GPR_RCX] = 10;
    assert_int_equal(EMULATE("\xf3\xa4"), EMULATE_FAULT);
    assert_fault(VECTOR_PF, true, 1 | 2);
    assert_int_equal(guest.registers[REG_CR2], FAKE_PAGE_READ_ONLY);
    assert_int_equal(gpr[GPR_RCX], 8);
    assert_int_equal(gpr[GPR_RDI], FAKE_PAGE_READ_ONLY);
    assert_int_equal(gpr[GPR_RSI], FAKE_MMIO + 2);
    assert_int_equal(ram_at(FAKE_PAGE_READ_ONLY - 2, 2), 0x5a5a);
}

static void test_addresses_of_strings_wrap(void **state)
{
    (void)state;
    gpr[GPR_RDI] = 0x12300000000 | FAKE_MMIO;
    gpr[GPR_RCX] = 0x12300000001;
    RUN("\x67\xf3\xaa"); // rep stosb with ECX and EDI
    assert_one_write(FAKE_MMIO, 1, 0);
    assert_int_equal(gpr[GPR_RDI], FAKE_MMIO + 1); // 32-bit results clear the upper half
    assert_int_equal(gpr[GPR_RCX], 0);
}

// ---- Ports

static enum emulate_result emulate_ports(const char *bytes, size_t length)
{
    memcpy(guest.ram + FAKE_CODE, bytes, length);
    guest.access_count = 0;
    return emulate_string_io(&guest.core, &fake_guest_ops, &guest.memory, &guest.bus, &guest.ports,
                             &emulation);
}

#define EMULATE_PORTS(bytes) emulate_ports(bytes, sizeof(bytes) - 1)

static void test_output_string(void **state)
{
    (void)state;
    memcpy(guest.ram + 0x9000, "Husk", 4);
    gpr[GPR_RSI] = 0x9000;
    gpr[GPR_RDX] = 0xffff03f8;
    gpr[GPR_RCX] = 4;
    assert_int_equal(EMULATE_PORTS("\xf3\x6e"), EMULATE_DONE); // rep outsb
    assert_int_equal(emulation.length, 2);
    assert_int_equal(guest.access_count, 4);
    assert_true(guest.accesses[0].port);
    assert_access(0, true, 0x3f8, 1, 'H');
    assert_access(3, true, 0x3f8, 1, 'k');
    assert_int_equal(gpr[GPR_RSI], 0x9004);
    assert_int_equal(EMULATE_PORTS("\x48\x6f"), EMULATE_DONE); // REX.W: still 4 bytes
    assert_access(0, true, 0x3f8, 4, 0);
    assert_int_equal(gpr[GPR_RSI], 0x9008);
}

static void test_input_string(void **state)
{
    (void)state;
    guest.read_value = 0x12345678;
    gpr[GPR_RDI] = 0x9000;
    gpr[GPR_RDX] = 0x1f0;
    gpr[GPR_RCX] = 2;
    assert_int_equal(EMULATE_PORTS("\xf3\x66\x6d"), EMULATE_DONE); // rep insw
    assert_int_equal(guest.access_count, 2);
    assert_access(0, false, 0x1f0, 2, 0);
    assert_int_equal(ram_at(0x9000, 4), 0x56785678);
    // No byte is taken from the port if it cannot be stored.
    gpr[GPR_RDI] = FAKE_PAGE_READ_ONLY;
    assert_int_equal(EMULATE_PORTS("\x6c"), EMULATE_FAULT);
    assert_int_equal(guest.access_count, 0);
    assert_fault(VECTOR_PF, true, 1 | 2);
}

// The processor has not checked the port when memory was the reason of the exit.
static void test_each_entry_has_its_instructions(void **state)
{
    (void)state;
    assert_int_equal(EMULATE("\x6e"), EMULATE_UNKNOWN);
    assert_int_equal(EMULATE_PORTS("\xa4"), EMULATE_UNKNOWN);
    assert_string_equal(emulation.why.text, "no string I/O by the instruction at RIP 0x8000: a4 00 "
                                            "00 00 00 00 00 00 00 00 00 00 00 00 00");
    assert_int_equal(EMULATE("\x0f\x22\xc0"), EMULATE_UNKNOWN);
    assert_int_equal(EMULATE("\x89\xc0"), EMULATE_UNKNOWN);
}

// ---- Faults

static void test_page_faults(void **state)
{
    (void)state;
    gpr[GPR_RBX] = FAKE_PAGE_MISSING + 8;
    assert_int_equal(EMULATE("\x8b\x03"), EMULATE_FAULT);
    assert_fault(VECTOR_PF, true, 0);
    assert_int_equal(guest.registers[REG_CR2], FAKE_PAGE_MISSING + 8);
    gpr[GPR_RBX] = FAKE_PAGE_READ_ONLY;
    assert_int_equal(EMULATE("\xff\x03"), EMULATE_FAULT); // inc: a write at once
    assert_fault(VECTOR_PF, true, 1 | 2);
    assert_int_equal(guest.access_count, 0);
    guest.segments[SEGMENT_CS].attributes |= 3 << SEGMENT_DPL_SHIFT;
    assert_int_equal(EMULATE("\x8b\x03"), EMULATE_FAULT); // the code is not for ring 3
    assert_fault(VECTOR_PF, true, 1 | 4 | 16);
    assert_int_equal(guest.registers[REG_CR2], FAKE_CODE);
}

static void test_conforming_code_has_the_level_of_its_stack(void **state)
{
    (void)state;
    guest.segments[SEGMENT_CS].attributes |= 4;
    guest.segments[SEGMENT_SS].attributes |= 3 << SEGMENT_DPL_SHIFT;
    assert_int_equal(EMULATE("\x8b\x03"), EMULATE_FAULT);
    assert_fault(VECTOR_PF, true, 1 | 4 | 16);
}

static void test_non_canonical_addresses(void **state)
{
    (void)state;
    gpr[GPR_RBX] = 0x800000000000;
    assert_int_equal(EMULATE("\x8b\x03"), EMULATE_FAULT);
    assert_fault(VECTOR_GP, true, 0);
    gpr[GPR_RBX] = 0x7fffffffffff; // its last byte
    assert_int_equal(EMULATE("\x8b\x03"), EMULATE_FAULT);
    assert_fault(VECTOR_GP, true, 0);
    gpr[GPR_RBP] = 0x800000000000;
    assert_int_equal(EMULATE("\x8b\x45\x00"), EMULATE_FAULT);
    assert_fault(VECTOR_SS, true, 0);
    guest.registers[REG_CR4] |= CR4_LA57; // canonical then, but CR3 has no such table
    assert_int_equal(EMULATE("\x8b\x45\x00"), EMULATE_FAULT);
    assert_fault(VECTOR_PF, true, 16);
}

static void test_accesses_across_pages(void **state)
{
    (void)state;
    // The two pages of RAM need not follow each other: swap them.
    set_ram(0x5000 + 0x10 * 8, 0x13003);
    set_ram(0x5000 + 0x11 * 8, 0x12003);
    set_ram(0x13ff8, 0x1122334455667788);
    set_ram(0x12000, 0x99aabbccddeeff00);
    gpr[GPR_RBX] = 0x10ffd;
    RUN("\x48\x8b\x03"); // mov rax, [rbx]
    assert_int_equal(gpr[GPR_RAX], 0xccddeeff00112233);
    gpr[GPR_RAX] = 0xa1a2a3a4a5a6a7a8;
    RUN("\x48\x89\x03"); // mov [rbx], rax
    assert_int_equal(ram_at(0x13ffd, 3), 0xa6a7a8);
    assert_int_equal(ram_at(0x12000, 5), 0xa1a2a3a4a5);
    // From RAM into the bus, and nothing is written if the second page is missing.
    set_ram(0x5000 + 0x11 * 8, FAKE_MMIO | 3);
    RUN("\x48\x89\x03");
    assert_one_write(FAKE_MMIO, 5, 0xa1a2a3a4a5);
    set_ram(0x5000 + 0x11 * 8, 0);
    gpr[GPR_RAX] = 0;
    assert_int_equal(EMULATE("\x48\x89\x03"), EMULATE_FAULT);
    assert_int_equal(guest.registers[REG_CR2], 0x11000);
    assert_int_equal(ram_at(0x13ffd, 3), 0xa6a7a8);
}

static void test_instructions_across_pages(void **state)
{
    (void)state;
    guest.registers[REG_RIP] = 0x9fff;
    set_ram(0x5000 + 0xa * 8, 0xc003);
    guest.ram[0x9fff] = 0x8b;
    memcpy(guest.ram + 0xc000, "\x83\x00\x01\x00\x00", 5); // mov eax, [rbx+0x100]
    guest.access_count = 0;
    assert_int_equal(emulate_memory_access(&guest.core, &fake_guest_ops, &guest.memory, &guest.bus,
                                           NULL, NULL, &emulation),
                     EMULATE_DONE);
    assert_int_equal(emulation.length, 6);
    assert_one_read(FAKE_MMIO + 0x120, 4);
    // One that ends at the page's end does not need the next page.
    set_ram(0x5000 + 0xa * 8, 0);
    guest.registers[REG_RIP] = 0x9ffe;
    RUN("\x8b\x03");
    guest.registers[REG_RIP] = 0x9fff;
    assert_int_equal(EMULATE("\x8b"), EMULATE_FAULT);
    assert_fault(VECTOR_PF, true, 16);
    assert_int_equal(guest.registers[REG_CR2], 0xa000);
}

// Only another processor can have put them there: this one has just fetched the instruction.
static void test_tables_outside_ram(void **state)
{
    (void)state;
    guest.registers[REG_CR3] = FAKE_MMIO;
    assert_int_equal(EMULATE("\x8b"), EMULATE_FAULT);
    assert_fault(VECTOR_PF, true, 1 | 8 | 16);
    assert_int_equal(guest.registers[REG_CR2], FAKE_CODE);
}

static void test_what_is_not_decoded(void **state)
{
    (void)state;
    assert_int_equal(EMULATE("\x0f\x10\x03"), EMULATE_UNKNOWN); // movups xmm0, [rbx]
    assert_string_equal(emulation.why.text,
                        "cannot emulate the instruction at RIP 0x8000: 0f 10 03 00 00 00 00 00 00 "
                        "00 00 00 00 00 00");
    assert_int_equal(EMULATE("\xf0\x8b\x03"), EMULATE_FAULT);
    assert_fault(VECTOR_UD, false, 0);
    assert_int_equal(EMULATE("\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66"),
                     EMULATE_FAULT);
    assert_fault(VECTOR_GP, true, 0);
    set_ram(0x5000 + 8 * 8, FAKE_MMIO | 3);
    assert_int_equal(EMULATE("\x8b\x03"), EMULATE_UNKNOWN);
    assert_string_equal(emulation.why.text, "the instruction at 0x8000 is at address 0xfee00000, "
                                            "not in the VM's RAM");
}

// ---- Other modes

static void test_protected_mode(void **state)
{
    (void)state;
    fake_guest_protected_mode(&guest);
    guest.read_value = 0x1234;
    gpr[GPR_RBX] = 0xffffffff00000020 | FAKE_MMIO;
    RUN("\x8b\x03"); // mov eax, [ebx]
    assert_one_read(FAKE_MMIO + 0x20, 4);
    RUN("\xa1\x30\x00\xe0\xfe"); // mov eax, [0xfee00030]
    assert_one_read(FAKE_MMIO + 0x30, 4);
    guest.segments[SEGMENT_ES].base = 0xfee00000;
    RUN("\x26\xc7\x05\xb0\x00\x00\x00\x00\x00\x00\x00"); // mov dword [es:0xb0], 0
    assert_one_write(FAKE_MMIO + 0xb0, 4, 0);
    guest.segments[SEGMENT_ES].base = 0xffffffff; // wraps at 4 GiB
    RUN("\x26\xa0\x21\x00\xe0\xfe");
    assert_one_read(FAKE_MMIO + 0x20, 1);
    RUN("\xff\x33"); // push dword [ebx]
    assert_int_equal(guest.registers[REG_RSP], 0x6ffc);
}

static void test_segment_limits(void **state)
{
    struct segment *ds = &guest.segments[SEGMENT_DS];

    (void)state;
    fake_guest_protected_mode(&guest);
    *ds = (struct segment){.attributes = 0x4093, .limit = 0xfff, .base = FAKE_MMIO};
    gpr[GPR_RBX] = 0xffc;
    RUN("\x8b\x03");
    assert_one_read(FAKE_MMIO + 0xffc, 4);
    gpr[GPR_RBX] = 0xffd;
    assert_int_equal(EMULATE("\x8b\x03"), EMULATE_FAULT);
    assert_fault(VECTOR_GP, true, 0);
    gpr[GPR_RBX] = 0xfffffffe; // its end wraps
    ds->limit = UINT32_MAX;
    assert_int_equal(EMULATE("\x8b\x03"), EMULATE_FAULT);
    *ds = (struct segment){.attributes = 0x4097, .limit = 0xfff, .base = FAKE_MMIO}; // down
    gpr[GPR_RBX] = 0xfff;
    assert_int_equal(EMULATE("\x8b\x03"), EMULATE_FAULT);
    gpr[GPR_RBX] = 0x1000;
    RUN("\x8b\x03");
    *ds = (struct segment){.attributes = 0x4091, .limit = 0xfff, .base = FAKE_MMIO}; // read-only
    gpr[GPR_RBX] = 0;
    RUN("\x8b\x03");
    assert_int_equal(EMULATE("\x89\x03"), EMULATE_FAULT);
    assert_fault(VECTOR_GP, true, 0);
    *ds = (struct segment){0}; // not loaded
    assert_int_equal(EMULATE("\x8b\x03"), EMULATE_FAULT);
    assert_int_equal(EMULATE("\x2e\x89\x03"), EMULATE_FAULT); // code is never written
    guest.segments[SEGMENT_SS].limit = 0x10;
    gpr[GPR_RBP] = 0x20;
    assert_int_equal(EMULATE("\x8b\x45\x00"), EMULATE_FAULT);
    assert_fault(VECTOR_SS, true, 0);
}

static void test_code_segment_limit(void **state)
{
    (void)state;
    fake_guest_protected_mode(&guest);
    gpr[GPR_RBX] = FAKE_MMIO;
    guest.segments[SEGMENT_CS].limit = FAKE_CODE + 1;
    RUN("\x8b\x03");
    assert_int_equal(EMULATE("\x8b\x43\x00"), EMULATE_FAULT);
    assert_fault(VECTOR_GP, true, 0);
    guest.segments[SEGMENT_CS].limit = FAKE_CODE - 1;
    assert_int_equal(EMULATE("\x8b\x03"), EMULATE_FAULT);
    assert_fault(VECTOR_GP, true, 0);
}

static void test_real_mode(void **state)
{
    (void)state;
    fake_guest_real_mode(&guest);
    guest.segments[SEGMENT_ES].base = 0xb8000;
    gpr[GPR_RDI] = 0xffff0002;
    gpr[GPR_RAX] = 0x0741;
    RUN("\x26\x89\x05"); // mov [es:di], ax
    assert_one_write(0xb8002, 2, 0x0741);
    gpr[GPR_RCX] = 0x10002;
    gpr[GPR_RDI] = 0x1fffe;
    RUN("\xf3\xab"); // rep stosw: DI wraps in 16 bits
    assert_int_equal(guest.access_count, 2);
    assert_access(0, true, 0xc7ffe, 2, 0x0741);
    assert_access(1, true, 0xb8000, 2, 0x0741);
    assert_int_equal(gpr[GPR_RDI], 0x10002);
    assert_int_equal(gpr[GPR_RCX], 0x10000);
    guest.segments[SEGMENT_ES].limit = UINT32_MAX; // as left over from protected mode
    gpr[GPR_RBX] = 0xfee00030 - 0xb8000;
    RUN("\x26\x67\x66\x8b\x03"); // mov eax, [es:ebx]
    assert_one_read(0xfee00030, 4);
    gpr[GPR_RBX] = 0xffff;
    assert_int_equal(EMULATE("\x8b\x07"), EMULATE_FAULT); // mov ax, [bx]: behind the limit
    assert_fault(VECTOR_GP, true, 0);
}

static void test_virtual_8086_mode(void **state)
{
    (void)state;
    fake_guest_real_mode(&guest);
    guest.registers[REG_CR0] = CR0_PE;
    guest.registers[REG_RFLAGS] |= RFLAGS_VM;
    guest.segments[SEGMENT_DS] =
        (struct segment){.attributes = 0xf3, .limit = UINT16_MAX, .base = 0xb8000};
    RUN("\xc6\x06\x04\x00\x41"); // mov byte [4], 'A'
    assert_one_write(0xb8004, 1, 'A');
}

static void test_compatibility_mode(void **state)
{
    (void)state;
    guest.segments[SEGMENT_CS].attributes = 0xc09b; // L off, D on
    gpr[GPR_RBX] = 0xffffffff00000000 | FAKE_MMIO;
    RUN("\x8b\x43\x20");
    assert_one_read(FAKE_MMIO + 0x20, 4);
    assert_int_equal(EMULATE("\x48"), EMULATE_UNKNOWN); // dec eax, no REX
}

#define EMULATE_TEST(test) cmocka_unit_test_setup(test, set_up)

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
        EMULATE_TEST(test_move_string),
        EMULATE_TEST(test_strings_downwards),
        EMULATE_TEST(test_store_and_load_string),
        EMULATE_TEST(test_compare_and_scan_strings),
        EMULATE_TEST(test_long_repetition_is_split),
        EMULATE_TEST(test_fault_in_a_repetition),
        EMULATE_TEST(test_addresses_of_strings_wrap),
        EMULATE_TEST(test_output_string),
        EMULATE_TEST(test_input_string),
        EMULATE_TEST(test_each_entry_has_its_instructions),
        EMULATE_TEST(test_page_faults),
        EMULATE_TEST(test_conforming_code_has_the_level_of_its_stack),
        EMULATE_TEST(test_non_canonical_addresses),
        EMULATE_TEST(test_accesses_across_pages),
        EMULATE_TEST(test_instructions_across_pages),
        EMULATE_TEST(test_tables_outside_ram),
        EMULATE_TEST(test_what_is_not_decoded),
        EMULATE_TEST(test_protected_mode),
        EMULATE_TEST(test_segment_limits),
        EMULATE_TEST(test_code_segment_limit),
        EMULATE_TEST(test_real_mode),
        EMULATE_TEST(test_virtual_8086_mode),
        EMULATE_TEST(test_compatibility_mode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
