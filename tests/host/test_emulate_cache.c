// SPDX-License-Identifier: MIT
// Tests of moves that the emulator remembers and repeats.
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

static void set_ram(uint64_t address, uint64_t value)
{
    memcpy(guest.ram + address, &value, sizeof(value));
}

static unsigned cr0_reads; // a move that is repeated needs none

static uint64_t count_reads(const struct vcpu_core *vcpu, enum guest_register which)
{
    cr0_reads += which == REG_CR0;
    return fake_guest_ops.get_register(vcpu, which);
}

// Carries out the move at RIP; true if it was a repeated one.
static bool repeats_exit(struct emulator_cache *cache, const struct exit_memory *exit)
{
    struct vcpu_ops ops = fake_guest_ops;

    ops.get_register = count_reads;
    cr0_reads = 0;
    guest.access_count = 0;
    assert_int_equal(emulate_memory_access(&guest.core, &ops, &guest.memory, &guest.bus, exit,
                                           cache, &emulation),
                     EMULATE_DONE);
    return cr0_reads == 0;
}

static bool repeats(struct emulator_cache *cache, uint64_t address)
{
    struct exit_memory exit = {
        .gpa = gpa(address), .gva = gva(address), .gva_valid = true, .read = true, .write = true};

    return repeats_exit(cache, &exit);
}

// As AMD-V reports it.
static bool repeats_without_linear_address(struct emulator_cache *cache, uint64_t address)
{
    struct exit_memory exit = {.gpa = gpa(address), .read = true, .write = true};

    return repeats_exit(cache, &exit);
}

static void test_moves_are_repeated(void **state)
{
    static const struct {
        const char *bytes;
        uint8_t length;
    } moves[] = {
        {"\x8b\x03", 2},                             // mov eax, [rbx]
        {"\x48\x89\x03", 3},                         // mov [rbx], rax
        {"\x66\xc7\x04\x0b\x34\x12", 6},             // mov word [rbx+rcx], 0x1234
        {"\x0f\xb7\x23", 3},                         // movzx esp, word [rbx]
        {"\x67\x88\x23", 3},                         // mov [ebx], ah
        {"\xa1\x20\x00\xe0\xfe\x00\x00\x00\x00", 9}, // mov eax, [0xfee00020]
    };

    (void)state;
    guest.read_value = 0x1122334455667788;
    for (unsigned i = 0; i < ARRAY_SIZE(moves); i++) {
        struct emulator_cache cache = {0};
        struct fake_access first;
        uint64_t rax;

        gpr[GPR_RAX] = 0xaabbccdd;
        guest.registers[REG_RSP] = 1;
        memcpy(guest.ram + FAKE_CODE, moves[i].bytes, moves[i].length);
        assert_false(repeats(&cache, FAKE_MMIO + 0x20));
        first = guest.accesses[0];
        rax = gpr[GPR_RAX];
        gpr[GPR_RAX] = 0xaabbccdd;
        assert_true(repeats(&cache, FAKE_MMIO + 0x20));
        assert_int_equal(emulation.length, moves[i].length);
        assert_int_equal(guest.access_count, 1);
        assert_access(0, first.write, first.address, first.width, first.value);
        assert_int_equal(gpr[GPR_RAX], rax);
        assert_int_equal(guest.registers[REG_RSP], i == 3 ? 0x7788 : 1);
    }
}

static void test_other_instructions_are_not_repeated(void **state)
{
    struct emulator_cache cache = {0};

    (void)state;
    memcpy(guest.ram + FAKE_CODE, "\xff\x03", 2); // inc dword [rbx]
    assert_false(repeats(&cache, FAKE_MMIO + 0x20));
    assert_false(repeats(&cache, FAKE_MMIO + 0x20));
    memcpy(guest.ram + FAKE_CODE, "\x65\x8b\x03", 3); // mov eax, [gs:rbx]
    assert_false(repeats(&cache, FAKE_MMIO + 0x20));
    assert_false(repeats(&cache, FAKE_MMIO + 0x20));
    guest.registers[REG_RIP] = 0x9ff2; // its 15 bytes reach into the next page
    memcpy(guest.ram + 0x9ff2, "\x8b\x03", 2);
    assert_false(repeats(&cache, FAKE_MMIO + 0x20));
    assert_false(repeats(&cache, FAKE_MMIO + 0x20));
    guest.registers[REG_RIP] = FAKE_CODE;
    guest.core.cr4_allowed = CR4_LA57;
    memcpy(guest.ram + FAKE_CODE, "\x8b\x03\x90", 3);
    assert_false(repeats(&cache, FAKE_MMIO + 0x20));
    assert_false(repeats(&cache, FAKE_MMIO + 0x20));
}

static void test_moves_are_repeated_without_their_linear_address(void **state)
{
    struct emulator_cache cache = {0};

    (void)state;
    memcpy(guest.ram + FAKE_CODE, "\x8b\x03", 2);
    assert_false(repeats_without_linear_address(&cache, FAKE_MMIO + 0x20));
    assert_true(repeats_without_linear_address(&cache, FAKE_MMIO + 0x20));
    assert_access(0, false, FAKE_MMIO + 0x20, 4, 0);
    gpr[GPR_RBX] += 4; // not what the exit says
    assert_false(repeats_without_linear_address(&cache, FAKE_MMIO + 0x20));
    assert_access(0, false, FAKE_MMIO + 0x24, 4, 0);
}

// Whatever the instruction depends on: if it changes, nothing is repeated.
static void test_changes_end_the_repetition(void **state)
{
    struct emulator_cache cache = {0};

    (void)state;
    memcpy(guest.ram + FAKE_CODE, "\x8b\x03", 2);
    assert_false(repeats(&cache, FAKE_MMIO + 0x20));
    memcpy(guest.ram + FAKE_CODE, "\x89\x03", 2); // the code
    assert_false(repeats(&cache, FAKE_MMIO + 0x20));
    assert_true(guest.accesses[0].write);
    assert_true(repeats(&cache, FAKE_MMIO + 0x20));
    memcpy(guest.ram + 0xc000, "\x8b\x03", 2);
    set_ram(0x5000 + 8 * 8, 0xc003); // where the code is
    assert_false(repeats(&cache, FAKE_MMIO + 0x20));
    assert_false(guest.accesses[0].write);
    assert_true(repeats(&cache, FAKE_MMIO + 0x20));
    memcpy(guest.ram + 0x10000, guest.ram + 0x1000, 0x1000);
    guest.registers[REG_CR3] = 0x10000; // the page tables
    assert_false(repeats(&cache, FAKE_MMIO + 0x20));
    assert_true(repeats(&cache, FAKE_MMIO + 0x20));
    guest.registers[REG_EFER] &= ~EFER_NXE;
    assert_false(repeats(&cache, FAKE_MMIO + 0x20));
    assert_true(repeats(&cache, FAKE_MMIO + 0x20));
    guest.segments[SEGMENT_CS].attributes = 0xc09b; // 32-bit code
    assert_false(repeats(&cache, FAKE_MMIO + 0x20));
    guest.segments[SEGMENT_CS].attributes = 0xa09b;
    gpr[GPR_RBX] += 4; // not what the exit says
    assert_false(repeats(&cache, FAKE_MMIO + 0x20));
    assert_access(0, false, FAKE_MMIO + 0x24, 4, 0);
    assert_true(repeats(&cache, FAKE_MMIO + 0x24));
}

static uint64_t rewrite_code(struct emulator_bus *bus, gpa_t address, unsigned width)
{
    (void)bus;
    (void)address;
    (void)width;
    memcpy(guest.ram + FAKE_CODE, "\x89\x03", 2);
    return 0;
}

// Another processor changes the code between its fetch and the end of the instruction.
static void test_a_move_is_remembered_as_it_was_fetched(void **state)
{
    struct emulator_cache cache = {0};
    struct emulator_bus bus = guest.bus;

    (void)state;
    memcpy(guest.ram + FAKE_CODE, "\x8b\x03", 2);
    guest.bus.read = rewrite_code;
    assert_false(repeats(&cache, FAKE_MMIO + 0x20));
    guest.bus = bus;
    assert_false(repeats(&cache, FAKE_MMIO + 0x20));
    assert_true(guest.accesses[0].write);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_moves_are_repeated, set_up),
        cmocka_unit_test_setup(test_other_instructions_are_not_repeated, set_up),
        cmocka_unit_test_setup(test_moves_are_repeated_without_their_linear_address, set_up),
        cmocka_unit_test_setup(test_changes_end_the_repetition, set_up),
        cmocka_unit_test_setup(test_a_move_is_remembered_as_it_was_fetched, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
