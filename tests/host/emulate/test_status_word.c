// SPDX-License-Identifier: MIT
// Tests of LMSW, SMSW and CLTS, which AMD-V does not decode for Husk.
#include "arch/x86/registers.h"
#include "tests/host/emulate/emulate_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define AT 0x9000 // in RAM
#define LONG_MODE (CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_PE)
#define WHOLE 0x1122334455667788

// As EMULATE, for an exit of these instructions.
static enum emulate_result try(const char *bytes, size_t length)
{
    memcpy(guest.ram + guest.registers[REG_RIP] + guest.segments[SEGMENT_CS].base, bytes, length);
    return emulate_status_word(&guest.core, &fake_guest_ops, &guest.memory, &guest.bus, &emulation);
}
#define TRY(bytes) try(bytes, sizeof(bytes) - 1)
#define DO(bytes)                                                                                  \
    do {                                                                                           \
        assert_int_equal(TRY(bytes), EMULATE_DONE);                                                \
        assert_int_equal(emulation.length, sizeof(bytes) - 1);                                     \
    } while (0)

static uint64_t *const cr0 = &guest.registers[REG_CR0];

static void lower_privilege(void)
{
    guest.segments[SEGMENT_CS].attributes |= 3 << SEGMENT_DPL_SHIFT;
    for (uint64_t at = 0x1000; at < 0x6000; at += 8) {
        set_ram(at, ram_at(at, 8) != 0 ? ram_at(at, 8) | 4 : 0); // the program's pages
    }
}

static void smsw_fills_as_much_of_a_register_as_its_size_says(void **state)
{
    (void)state;
    *cr0 = LONG_MODE | CR0_CD | CR0_NW;
    gpr[GPR_RAX] = WHOLE;
    DO("\x66\x0f\x01\xe0"); // smsw ax
    assert_int_equal(gpr[GPR_RAX], (WHOLE & ~0xffffULL) | (uint16_t)*cr0);
    DO("\x0f\x01\xe0"); // smsw eax
    assert_int_equal(gpr[GPR_RAX], *cr0);
    gpr[GPR_R9] = WHOLE;
    DO("\x49\x0f\x01\xe1"); // smsw r9
    assert_int_equal(gpr[GPR_R9], *cr0);
    fake_guest_real_mode(&guest);
    *cr0 = CR0_CD | CR0_ET;
    gpr[GPR_RBX] = WHOLE;
    DO("\x0f\x01\xe3"); // smsw bx
    assert_int_equal(gpr[GPR_RBX], (WHOLE & ~0xffffULL) | CR0_ET);
    DO("\x66\x0f\x01\xe3"); // smsw ebx
    assert_int_equal(gpr[GPR_RBX], *cr0);
}

static void smsw_stores_two_bytes(void **state)
{
    (void)state;
    *cr0 = LONG_MODE | CR0_CD;
    set_ram(AT, WHOLE);
    gpr[GPR_RBX] = AT;
    DO("\x48\x0f\x01\x23"); // smsw [rbx]: 2 bytes also with REX.W
    assert_int_equal(ram_at(AT, 8), (WHOLE & ~0xffffULL) | (uint16_t)*cr0);
}

static void lmsw_loads_four_bits_and_keeps_pe(void **state)
{
    (void)state;
    *cr0 = LONG_MODE | CR0_CD | CR0_NW;
    gpr[GPR_RCX] = 0xfff0 | CR0_TS | CR0_MP;
    DO("\x0f\x01\xf1"); // lmsw cx
    assert_int_equal(*cr0, LONG_MODE | CR0_CD | CR0_NW | CR0_TS | CR0_MP);
    set_ram(AT, 0xffffffffffff0000 | CR0_EM);
    gpr[GPR_RBX] = AT;
    DO("\x0f\x01\x33"); // lmsw [rbx]
    assert_int_equal(*cr0, LONG_MODE | CR0_CD | CR0_NW | CR0_EM);
    fake_guest_real_mode(&guest);
    *cr0 = CR0_ET | CR0_TS;
    gpr[GPR_RCX] = CR0_PE;
    DO("\x0f\x01\xf1");
    assert_int_equal(*cr0, CR0_ET | CR0_PE);
}

static void clts_clears_ts(void **state)
{
    (void)state;
    *cr0 = LONG_MODE | CR0_CD | CR0_TS | CR0_MP;
    DO("\x0f\x06");
    assert_int_equal(*cr0, LONG_MODE | CR0_CD | CR0_MP);
    assert_int_equal(TRY("\xf0\x0f\x06"), EMULATE_FAULT); // lock clts
    assert_fault(VECTOR_UD, false, 0);
}

static void programs_may_read_only_without_umip(void **state)
{
    (void)state;
    *cr0 = LONG_MODE | CR0_CD | CR0_TS;
    lower_privilege();
    DO("\x0f\x01\xe0"); // smsw eax
    assert_int_equal(gpr[GPR_RAX], *cr0);
    guest.registers[REG_CR4] |= CR4_UMIP;
    assert_int_equal(TRY("\x0f\x01\xe0"), EMULATE_FAULT);
    assert_fault(VECTOR_GP, true, 0);
    assert_int_equal(TRY("\x0f\x01\xf0"), EMULATE_FAULT); // lmsw ax
    assert_fault(VECTOR_GP, true, 0);
    assert_int_equal(TRY("\x0f\x06"), EMULATE_FAULT); // clts
    assert_fault(VECTOR_GP, true, 0);
    assert_int_equal(*cr0, LONG_MODE | CR0_CD | CR0_TS);
}

static void memory_faults_as_ever(void **state)
{
    (void)state;
    gpr[GPR_RBX] = FAKE_PAGE_READ_ONLY;
    DO("\x0f\x01\x33"); // lmsw [rbx]
    assert_int_equal(TRY("\x0f\x01\x23"), EMULATE_FAULT);
    assert_int_equal(emulation.event.vector, VECTOR_PF);
    gpr[GPR_RBX] = FAKE_PAGE_MISSING;
    assert_int_equal(TRY("\x0f\x01\x33"), EMULATE_FAULT);
    assert_int_equal(emulation.event.vector, VECTOR_PF);
    gpr[GPR_RBX] = FAKE_MMIO;
    guest.read_value = CR0_TS;
    DO("\x0f\x01\x33");
    assert_one_read(FAKE_MMIO, 2);
    assert_true(*cr0 & CR0_TS);
}

// Another vCPU may have changed the instruction since it exited.
static void nothing_else_is_carried_out(void **state)
{
    (void)state;
    gpr[GPR_RBX] = AT;
    assert_int_equal(TRY("\x89\x03"), EMULATE_AGAIN);     // mov [rbx], eax
    assert_int_equal(TRY("\x0f\x22\xc0"), EMULATE_AGAIN); // mov cr0, rax
    assert_int_equal(TRY("\x0f\x0b"), EMULATE_AGAIN);     // ud2
    assert_int_equal(TRY("\xf3\xa4"), EMULATE_AGAIN);     // rep movsb
    assert_int_equal(ram_at(AT, 8), 0);
}

// An access outside RAM cannot come from an instruction without memory.
static void accesses_to_devices_are_others(void **state)
{
    (void)state;
    *cr0 |= CR0_TS;
    assert_int_equal(EMULATE("\x0f\x06"), EMULATE_UNKNOWN);
    assert_int_equal(EMULATE("\x0f\x01\xf0"), EMULATE_UNKNOWN);
    assert_true(*cr0 & CR0_TS);
    guest.read_value = 0;
    RUN("\x0f\x01\x33"); // lmsw [rbx]
    assert_one_read(FAKE_MMIO + 0x20, 2);
    assert_false(*cr0 & CR0_TS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EMULATE_TEST(smsw_fills_as_much_of_a_register_as_its_size_says),
        EMULATE_TEST(smsw_stores_two_bytes),
        EMULATE_TEST(lmsw_loads_four_bits_and_keeps_pe),
        EMULATE_TEST(clts_clears_ts),
        EMULATE_TEST(programs_may_read_only_without_umip),
        EMULATE_TEST(memory_faults_as_ever),
        EMULATE_TEST(nothing_else_is_carried_out),
        EMULATE_TEST(accesses_to_devices_are_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
