// SPDX-License-Identifier: MIT
// Tests of moves that the emulator remembers and repeats.
#include "vmm/emulate/emulate_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "tests/host/emulate/emulate_fixture.h"

// Carries out the move at RIP; true if it was a repeated one.
static bool repeats_exit(struct emulator_cache *cache, const struct exit_memory *exit)
{
    guest.access_count = 0;
    emulation.length = emulate_repeated_move(&guest.core, &guest.memory, &guest.bus, exit, cache);
    if (emulation.length != 0) {
        return true;
    }
    assert_int_equal(guest.access_count, 0);
    assert_int_equal(emulate_memory_access(&guest.core, &fake_guest_ops, &guest.memory, &guest.bus,
                                           exit, cache, &emulation),
                     EMULATE_DONE);
    return false;
}

static bool repeats(struct emulator_cache *cache, uint64_t address)
{
    struct exit_memory exit = fake_guest_exit(&guest, address, ACCESS_READ | ACCESS_WRITE);
    return repeats_exit(cache, &exit);
}

// As AMD-V reports it.
static bool repeats_without_linear_address(struct emulator_cache *cache, uint64_t address)
{
    struct exit_memory exit = fake_guest_exit(&guest, address, ACCESS_READ | ACCESS_WRITE);
    exit.gva = gva(0);
    exit.gva_valid = false;
    return repeats_exit(cache, &exit);
}

static const struct {
    const char *bytes;
    uint8_t length;
} moves[] = {
    {"\x8b\x03", 2},                             // mov eax, [rbx]
    {"\x48\x89\x03", 3},                         // mov [rbx], rax
    {"\x66\xc7\x44\x0b\xff\x34\x12", 7},         // mov word [rbx+rcx-1], 0x1234
    {"\x66\x8b\x43\x00", 4},                     // mov ax, [rbx+0]
    {"\x0f\xb7\x03", 3},                         // movzx eax, word [rbx]
    {"\x66\x0f\xb6\x03", 4},                     // movzx ax, byte [rbx]
    {"\x67\x88\x23", 3},                         // mov [ebx], ah
    {"\x8a\x23", 2},                             // mov ah, [rbx]
    {"\xa1\x20\x00\xe0\xfe\x00\x00\x00\x00", 9}, // mov eax, [0xfee00020]
    {"\x67\x8b\x05\x19\x80\xdf\xfe", 7},         // mov eax, [eip-0x1207fe7]
    {"\x8a\x44\xcb\xf8", 4},                     // mov al, [rbx+rcx*8-8]
};

// What the long way did and what the short one does is the same.
static void test_moves_are_repeated(void **state)
{
    (void)state;
    guest.read_value = 0x1122334455667788;
    for (unsigned i = 0; i < ARRAY_SIZE(moves); i++) {
        struct emulator_cache cache = {0};
        struct fake_access first;
        uint64_t rax;
        gpr[GPR_RCX] = 1;
        gpr[GPR_RAX] = 0xfedcba98aabbccdd;
        memcpy(guest.ram + FAKE_CODE, moves[i].bytes, moves[i].length);
        assert_false(repeats(&cache, FAKE_MMIO + 0x20));
        first = guest.accesses[0];
        rax = gpr[GPR_RAX];
        gpr[GPR_RAX] = 0xfedcba98aabbccdd;
        assert_true(repeats(&cache, FAKE_MMIO + 0x20));
        assert_int_equal(emulation.length, moves[i].length);
        assert_int_equal(guest.access_count, 1);
        assert_access(0, first.write, first.address, first.width, first.value);
        assert_int_equal(gpr[GPR_RAX], rax);
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
    memcpy(guest.ram + FAKE_CODE, "\x8b\x23\x90", 3); // mov esp, [rbx]
    assert_false(repeats(&cache, FAKE_MMIO + 0x20));
    assert_false(repeats(&cache, FAKE_MMIO + 0x20));
    memcpy(guest.ram + FAKE_CODE, "\x8b\x04\x24", 3); // mov eax, [rsp]
    guest.registers[REG_RSP] = FAKE_MMIO + 0x20;
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

// Each line of the exit counts.
static void test_other_accesses_are_not_repeated(void **state)
{
    struct emulator_cache cache = {0};
    struct exit_memory exit = fake_guest_exit(&guest, FAKE_MMIO + 0x20, ACCESS_WRITE);
    (void)state;
    memcpy(guest.ram + FAKE_CODE, "\x8b\x03", 2);
    assert_false(repeats(&cache, FAKE_MMIO + 0x20));
    assert_false(repeats_exit(&cache, &exit)); // the move reads
    exit.access = ACCESS_READ;
    assert_true(repeats_exit(&cache, &exit));
    exit.gva.value += 4;
    assert_false(repeats_exit(&cache, &exit));
    exit.gva.value = FAKE_MMIO + 0xffe; // RAM behind it: two accesses
    exit.gpa.value = FAKE_MMIO + 0xffe;
    gpr[GPR_RBX] = FAKE_MMIO + 0xffe;
    assert_false(repeats_exit(&cache, &exit));
}

// A cache without anything in it matches nothing, not even a guest whose state is all zeros.
static void test_nothing_is_remembered_at_first(void **state)
{
    static const struct emulator_cache cache;
    struct exit_memory exit = {.access = ACCESS_READ | ACCESS_WRITE};
    (void)state;
    memset(guest.ram, 0, 16);
    gpr[GPR_RAX] = 0;
    assert_int_equal(emulate_repeated_move(&guest.core, &guest.memory, &guest.bus, &exit, &cache),
                     0);
    assert_int_equal(guest.access_count, 0);
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
    emulator_forget(&cache); // EFER.LME
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

// A code segment of other modes may have L set too. It means nothing there.
static void test_nothing_is_repeated_without_paging(void **state)
{
    struct emulator_cache cache = {0};
    struct exit_memory exit = fake_guest_exit(&guest, FAKE_MMIO + 0x20, ACCESS_READ);
    (void)state;
    memcpy(guest.ram + FAKE_CODE, "\x8b\x03", 2);
    assert_false(repeats_exit(&cache, &exit));
    assert_true(repeats_exit(&cache, &exit));
    exit.code.cr0 &= ~(uint64_t)CR0_PG;
    assert_false(repeats_exit(&cache, &exit));
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
        EMULATE_TEST(test_moves_are_repeated),
        EMULATE_TEST(test_other_instructions_are_not_repeated),
        EMULATE_TEST(test_moves_are_repeated_without_their_linear_address),
        EMULATE_TEST(test_other_accesses_are_not_repeated),
        EMULATE_TEST(test_nothing_is_remembered_at_first),
        EMULATE_TEST(test_changes_end_the_repetition),
        EMULATE_TEST(test_nothing_is_repeated_without_paging),
        EMULATE_TEST(test_a_move_is_remembered_as_it_was_fetched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
