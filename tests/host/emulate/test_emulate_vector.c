// SPDX-License-Identifier: MIT
// Tests of vector instructions on device memory: what a device sees of them, when they fault, and
// elements that are masked. What they compute, test_emulate_native.c compares with the processor.
#include "vmm/emulate/emulate.h"
#include "vmm/emulate/emulate_vector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "tests/host/emulate/emulate_fixture.h"

static void enable_all(void)
{
    guest.registers[REG_CR4] |= CR4_OSFXSR | CR4_OSXSAVE;
    guest.registers[REG_XCR0] = XCR0_VECTORS;
}

static uint64_t quad(unsigned number, unsigned at)
{
    uint64_t value;
    memcpy(&value, guest.vectors[number].bytes + at, sizeof(value));
    return value;
}

static void set_quad(unsigned number, unsigned at, uint64_t value)
{
    memcpy(guest.vectors[number].bytes + at, &value, sizeof(value));
}

static void test_whole_registers_in_pieces_of_8_bytes(void **state)
{
    (void)state;
    enable_all();
    guest.read_value = 0x1122334455667788;
    set_quad(1, 16, 7);
    RUN("\x0f\x10\x0b"); // movups xmm1, [rbx]
    assert_int_equal(guest.access_count, 2);
    assert_access(0, false, FAKE_MMIO + 0x20, 8, 0);
    assert_access(1, false, FAKE_MMIO + 0x28, 8, 0);
    assert_int_equal(quad(1, 8), 0x1122334455667788);
    assert_int_equal(quad(1, 16), 7); // SSE leaves what is above
    RUN("\xc5\xf8\x10\x0b");          // vmovups xmm1, [rbx]
    assert_int_equal(quad(1, 16), 0);
    set_quad(1, 24, 5);
    RUN("\xc5\xfe\x7f\x0b"); // vmovdqu [rbx], ymm1
    assert_int_equal(guest.access_count, 4);
    assert_access(0, true, FAKE_MMIO + 0x20, 8, 0x1122334455667788);
    assert_access(3, true, FAKE_MMIO + 0x38, 8, 5);
    RUN("\x0f\x7e\x13"); // movd [rbx], mm2
    assert_one_write(FAKE_MMIO + 0x20, 4, 0);
}

static void test_alignment(void **state)
{
    (void)state;
    enable_all();
    gpr[GPR_RBX] += 8;
    assert_int_equal(EMULATE("\x66\x0f\x7f\x0b"), EMULATE_FAULT); // movdqa [rbx], xmm1
    assert_fault(VECTOR_GP, true, 0);
    RUN("\xf3\x0f\x7f\x0b"); // movdqu
    gpr[GPR_RBX] += 8;
    RUN("\x66\x0f\x7f\x0b");
    assert_int_equal(EMULATE("\xc5\xfd\xe7\x0b"), EMULATE_FAULT); // vmovntdq [rbx], ymm1
    assert_fault(VECTOR_GP, true, 0);
    RUN("\x0f\x7f\x0b"); // movq [rbx], mm1
}

static void assert_refused(const char *bytes, size_t length, uint8_t vector)
{
    assert_int_equal(emulate(bytes, length), EMULATE_FAULT);
    assert_fault(vector, false, 0);
    assert_int_equal(guest.access_count, 0);
}

#define MOVUPS "\x0f\x10\x0b", 3
#define VMOVUPS "\xc5\xf8\x10\x0b", 4
#define VMOVDQU64 "\x62\xe1\xfe\x48\x6f\x4b\x01", 7
#define MOVQ_MMX "\x0f\x6f\x0b", 3

static void test_what_the_system_has_not_switched_on(void **state)
{
    (void)state;
    assert_refused(MOVUPS, VECTOR_UD); // CR4.OSFXSR
    assert_int_equal(emulate(MOVQ_MMX), EMULATE_DONE);
    enable_all();
    assert_int_equal(emulate(MOVUPS), EMULATE_DONE);
    assert_int_equal(emulate(VMOVDQU64), EMULATE_DONE);
    guest.registers[REG_XCR0] = XCR0_X87 | XCR0_SSE | XCR0_AVX;
    assert_refused(VMOVDQU64, VECTOR_UD);
    assert_int_equal(emulate(VMOVUPS), EMULATE_DONE);
    guest.registers[REG_XCR0] = XCR0_X87 | XCR0_SSE;
    assert_refused(VMOVUPS, VECTOR_UD);
    assert_int_equal(emulate(MOVUPS), EMULATE_DONE);
    enable_all();
    guest.registers[REG_CR4] &= ~(uint64_t)CR4_OSXSAVE;
    assert_refused(VMOVUPS, VECTOR_UD);
    enable_all();
    guest.registers[REG_CR0] |= CR0_TS;
    assert_refused(MOVUPS, VECTOR_NM);
    assert_refused(VMOVUPS, VECTOR_NM);
    assert_refused(MOVQ_MMX, VECTOR_NM);
    guest.registers[REG_CR0] |= CR0_EM;
    assert_refused(MOVUPS, VECTOR_UD);
    assert_refused(MOVQ_MMX, VECTOR_UD);
    assert_refused(VMOVUPS, VECTOR_NM); // CR0.EM does not count
}

static void test_other_modes(void **state)
{
    (void)state;
    fake_guest_protected_mode(&guest);
    enable_all();
    gpr[GPR_RBX] = FAKE_MMIO;
    assert_int_equal(emulate(VMOVUPS), EMULATE_DONE);
    fake_guest_real_mode(&guest);
    enable_all();
    guest.segments[SEGMENT_DS].base = 0xb8000;
    gpr[GPR_RBP] = 0;
    gpr[GPR_RDI] = 0;
    guest.segments[SEGMENT_SS].base = 0xb8000;
    assert_int_equal(emulate(MOVUPS), EMULATE_DONE); // [bp+di]
    assert_access(0, false, 0xb8000, 8, 0);
    assert_refused(VMOVUPS, VECTOR_UD);
}

static void test_masked_elements_are_not_accessed(void **state)
{
    (void)state;
    enable_all();
    set_quad(2, 0, 0x80000000); // the signs of dwords 0 and 3
    set_quad(2, 8, BIT(63));
    set_quad(1, 0, 0x1111111122222222);
    set_quad(1, 8, 0x3333333344444444);
    RUN("\xc4\xe2\x69\x2e\x0b"); // vmaskmovps [rbx], xmm2, xmm1
    assert_int_equal(guest.access_count, 2);
    assert_access(0, true, FAKE_MMIO + 0x20, 4, 0x22222222);
    assert_access(1, true, FAKE_MMIO + 0x2c, 4, 0x33333333);
    // The first element is in a page that is there, the last one is not: nothing is written.
    gpr[GPR_RBX] = FAKE_PAGE_MISSING - 8;
    set_ram(FAKE_PAGE_MISSING - 8, 0xabcd);
    guest.ram[0x5000 + FAKE_PAGE_READ_ONLY / PAGE_SIZE * 8] |= 2; // now writable
    assert_int_equal(EMULATE("\xc4\xe2\x69\x2e\x0b"), EMULATE_FAULT);
    assert_int_equal(ram_at(FAKE_PAGE_MISSING - 8, 8), 0xabcd);
    // A mask takes the fault away.
    set_quad(2, 8, 0);
    RUN("\xc4\xe2\x69\x2e\x0b");
    assert_int_equal(ram_at(FAKE_PAGE_MISSING - 8, 8), 0x22222222);
}

static void test_nothing_is_written_if_the_second_page_faults(void **state)
{
    (void)state;
    enable_all();
    set_ram(FAKE_PAGE_READ_ONLY - 8, 1);
    gpr[GPR_RBX] = FAKE_PAGE_READ_ONLY - 8;
    assert_int_equal(EMULATE("\x0f\x11\x0b"), EMULATE_FAULT); // movups [rbx], xmm1
    assert_fault(VECTOR_PF, true, 3);
    assert_int_equal(guest.registers[REG_CR2], FAKE_PAGE_READ_ONLY);
    assert_int_equal(ram_at(FAKE_PAGE_READ_ONLY - 8, 8), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EMULATE_TEST(test_whole_registers_in_pieces_of_8_bytes),
        EMULATE_TEST(test_alignment),
        EMULATE_TEST(test_what_the_system_has_not_switched_on),
        EMULATE_TEST(test_other_modes),
        EMULATE_TEST(test_masked_elements_are_not_accessed),
        EMULATE_TEST(test_nothing_is_written_if_the_second_page_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
