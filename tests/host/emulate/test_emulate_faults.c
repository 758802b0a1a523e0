// SPDX-License-Identifier: MIT
// Tests of the emulator: the faults that end instructions, in each mode of the processor.
#include "vmm/emulate/emulate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "tests/host/emulate/emulate_fixture.h"

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

// PAE: a new CR3 loads the PDPTEs.
static void test_control_registers_load_tables(void **state)
{
    (void)state;
    fake_guest_protected_mode(&guest);
    assert_int_equal(EMULATE("\x0f\x22\xd8"), EMULATE_FAULT); // mov cr3, eax
    assert_fault(VECTOR_GP, true, 0);
}

// The entries in memory have changed since the guest loaded CR3.
static void test_loaded_pdptes(void **state)
{
    struct vcpu_ops ops = fake_guest_ops;
    (void)state;
    ops.loads_pdptes = true;
    fake_guest_protected_mode(&guest);
    guest.registers[REG_CR0] |= CR0_PG;
    guest.registers[REG_CR4] = CR4_PAE;
    guest.registers[REG_CR3] = 0x1000;
    guest.registers[REG_PDPTE0] = 0x2001;
    guest.registers[REG_PDPTE3] = 0x3001;
    set_ram(0x2000, 0x83);
    set_ram(0x3000 + 0x1f7 * 8, 0xfee00083);
    memcpy(guest.ram + FAKE_CODE, "\x8b\x03", 2); // mov eax, [ebx]
    gpr[GPR_RBX] = 0xfee00020;
    assert_int_equal(
        emulate_memory_access(&guest.core, &ops, &guest.memory, &guest.bus, NULL, NULL, &emulation),
        EMULATE_DONE);
    assert_one_read(0xfee00020, 4);
    assert_int_equal(emulate_memory_access(&guest.core, &fake_guest_ops, &guest.memory, &guest.bus,
                                           NULL, NULL, &emulation),
                     EMULATE_FAULT);
    assert_fault(VECTOR_PF, true, 0);
}

static void test_what_is_not_decoded(void **state)
{
    (void)state;
    assert_int_equal(EMULATE("\x0f\x58\x03"), EMULATE_UNKNOWN); // addps xmm0, [rbx]
    assert_string_equal(emulation.why.text,
                        "at RIP 0x8000: 0f 58 03 00 00 00 00 00 00 00 00 00 00 00 00");
    assert_int_equal(EMULATE("\xf0\x8b\x03"), EMULATE_FAULT);
    assert_fault(VECTOR_UD, false, 0);
    assert_int_equal(EMULATE("\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66"),
                     EMULATE_FAULT);
    assert_fault(VECTOR_GP, true, 0);
    set_ram(0x5000 + 8 * 8, FAKE_MMIO | 3);
    assert_int_equal(EMULATE("\x8b\x03"), EMULATE_UNREADABLE);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        EMULATE_TEST(test_page_faults),
        EMULATE_TEST(test_conforming_code_has_the_level_of_its_stack),
        EMULATE_TEST(test_non_canonical_addresses),
        EMULATE_TEST(test_accesses_across_pages),
        EMULATE_TEST(test_instructions_across_pages),
        EMULATE_TEST(test_tables_outside_ram),
        EMULATE_TEST(test_control_registers_load_tables),
        EMULATE_TEST(test_loaded_pdptes),
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
