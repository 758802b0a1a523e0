// SPDX-License-Identifier: MIT
// Tests of the emulator: string instructions, in memory and to ports.
#include "vmm/emulate/emulate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "tests/host/emulate/emulate_fixture.h"

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
    assert_int_equal(arithmetic_flags(), 0);
    gpr[GPR_RAX] = 'a';
    RUN("\xf2\xae"); // repne scasb: found at once
    assert_one_read(FAKE_MMIO + 4, 1);
    assert_int_equal(gpr[GPR_RCX], 5);
    assert_int_equal(arithmetic_flags(), RFLAGS_ZF | RFLAGS_PF);
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

// The exit says what the processor executed, `bytes` what is in memory by now.
static enum emulate_result emulate_ports(const struct exit_io *exit, const char *bytes,
                                         size_t length)
{
    memcpy(guest.ram + FAKE_CODE, bytes, length);
    guest.access_count = 0;
    return emulate_string_io(&guest.core, &fake_guest_ops, &guest.memory, &guest.bus, exit,
                             &guest.ports, &emulation);
}

#define EMULATE_PORTS(exit, bytes) emulate_ports(exit, bytes, sizeof(bytes) - 1)

static const struct exit_io out_byte = {.port = 0x3f8, .width = 1, .string = true};
static const struct exit_io out_long = {.port = 0x3f8, .width = 4, .string = true};
static const struct exit_io in_byte = {.port = 0x1f0, .width = 1, .in = true, .string = true};
static const struct exit_io in_word = {.port = 0x1f0, .width = 2, .in = true, .string = true};

static void test_output_string(void **state)
{
    (void)state;
    memcpy(guest.ram + 0x9000, "Husk", 4);
    gpr[GPR_RSI] = 0x9000;
    gpr[GPR_RDX] = 0xffff03f8;
    gpr[GPR_RCX] = 4;
    assert_int_equal(EMULATE_PORTS(&out_byte, "\xf3\x6e"), EMULATE_DONE); // rep outsb
    assert_int_equal(emulation.length, 2);
    assert_int_equal(guest.access_count, 4);
    assert_true(guest.accesses[0].port);
    assert_access(0, true, 0x3f8, 1, 'H');
    assert_access(3, true, 0x3f8, 1, 'k');
    assert_int_equal(gpr[GPR_RSI], 0x9004);
    assert_int_equal(EMULATE_PORTS(&out_long, "\x48\x6f"), EMULATE_DONE); // REX.W: still 4 bytes
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
    assert_int_equal(EMULATE_PORTS(&in_word, "\xf3\x66\x6d"), EMULATE_DONE); // rep insw
    assert_int_equal(guest.access_count, 2);
    assert_access(0, false, 0x1f0, 2, 0);
    assert_int_equal(ram_at(0x9000, 4), 0x56785678);
    // No byte is taken from the port if it cannot be stored.
    gpr[GPR_RDI] = FAKE_PAGE_READ_ONLY;
    assert_int_equal(EMULATE_PORTS(&in_byte, "\x6c"), EMULATE_FAULT);
    assert_int_equal(guest.access_count, 0);
    assert_fault(VECTOR_PF, true, 1 | 2);
}

static void expect_no_access(enum emulate_result result)
{
    assert_int_equal(result, EMULATE_AGAIN);
    assert_int_equal(guest.access_count, 0);
    assert_int_equal(gpr[GPR_RSI], 0x9000);
    assert_int_equal(gpr[GPR_RDI], 0x9000);
    assert_int_equal(gpr[GPR_RCX], 4);
}

// Another vCPU may rewrite the instruction after the exit. The guest then executes the new one.
static void test_a_rewritten_instruction_accesses_no_other_ports(void **state)
{
    (void)state;
    gpr[GPR_RSI] = gpr[GPR_RDI] = 0x9000;
    gpr[GPR_RCX] = 4;
    expect_no_access(EMULATE_PORTS(&out_byte, "\x6f"));         // outsd
    expect_no_access(EMULATE_PORTS(&out_byte, "\xf3\x66\x6f")); // rep outsw
    expect_no_access(EMULATE_PORTS(&out_byte, "\x6c"));         // insb
    expect_no_access(EMULATE_PORTS(&in_word, "\x6d"));          // insd
    expect_no_access(EMULATE_PORTS(&in_byte, "\xf3\xa4"));      // rep movsb
    expect_no_access(EMULATE_PORTS(&in_byte, "\x90"));          // nop
    expect_no_access(EMULATE_PORTS(&in_byte, "\x0f\x05"));      // syscall
}

// DX is the exit's port at the exit, but the exit is what counts.
static void test_the_port_is_the_exits(void **state)
{
    (void)state;
    gpr[GPR_RSI] = 0x9000;
    gpr[GPR_RDX] = 0x64;
    assert_int_equal(EMULATE_PORTS(&out_byte, "\x6e"), EMULATE_DONE);
    assert_access(0, true, 0x3f8, 1, 0);
}

// The processor has not checked the port when memory was the reason of the exit.
static void test_each_entry_has_its_instructions(void **state)
{
    (void)state;
    assert_int_equal(EMULATE("\x6e"), EMULATE_UNKNOWN);
    assert_int_equal(EMULATE("\x89\xc0"), EMULATE_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EMULATE_TEST(test_move_string),
        EMULATE_TEST(test_strings_downwards),
        EMULATE_TEST(test_store_and_load_string),
        EMULATE_TEST(test_compare_and_scan_strings),
        EMULATE_TEST(test_long_repetition_is_split),
        EMULATE_TEST(test_fault_in_a_repetition),
        EMULATE_TEST(test_addresses_of_strings_wrap),
        EMULATE_TEST(test_output_string),
        EMULATE_TEST(test_input_string),
        EMULATE_TEST(test_a_rewritten_instruction_accesses_no_other_ports),
        EMULATE_TEST(test_the_port_is_the_exits),
        EMULATE_TEST(test_each_entry_has_its_instructions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
