// SPDX-License-Identifier: MIT
// Tests of the guest's breakpoints on what Husk carries out: ports, device memory, string I/O.
#include "vmm/vcpu/vcpu_breakpoints.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "tests/host/fake_machine.h"
#include "vmm/devices/hpet.h"
#include "vmm/memory/guest_walk.h"
#include "vmm/util/string.h"

#define CODE 0x1000
#define DATA 0x2000
#define TABLES 0x10000
#define PORT_POST 0x80

#define DR7_PORT_0 0x20001ULL   // DR0 is a port
#define DR7_WATCH_1 0xf00004ULL // DR1 is four bytes of data: reads and writes

static int set_up(void **state)
{
    (void)state;
    fake_machine_start();
    fake_machine_set_register(REG_CR4, CR4_DE);
    return 0;
}

static void switch_on(unsigned number, uint64_t address, uint64_t dr7)
{
    fake_machine.vcpu->core.backend->registers[REG_DR0 + number] = address;
    fake_machine_set_register(REG_DR7, DR7_FIXED | dr7);
    assert_int_equal(fake_machine_exit((struct vm_exit){.kind = EXIT_DEBUG_REGISTER}), RETRY);
}

// The causes of the trap that follows the instruction; forgets them.
static uint64_t trap(void)
{
    uint64_t causes = fake_machine_register(REG_TRAP);
    fake_machine_set_register(REG_TRAP, 0);
    return causes;
}

// In real mode.
static void place(const char *bytes, size_t length)
{
    uint8_t *memory = guest_memory_at(&fake_machine.vm->memory, gpa(CODE), length);
    assert_non_null(memory);
    memcpy(memory, bytes, length);
    fake_machine_set_register(REG_RIP, CODE);
}
#define PLACE(bytes) place(bytes, sizeof(bytes) - 1)

// ---- When Husk looks ----

static void a_look_that_finds_nothing_waits_for_the_guest(void **state)
{
    (void)state;
    assert_true(fake_machine.vcpu->uses_breakpoints); // nobody has looked yet
    fake_machine_in(PORT_POST, 1);
    assert_false(fake_machine.vcpu->uses_breakpoints);
    assert_int_equal(fake_machine_register(REG_DEBUG_EXIT), 1);
    assert_int_equal(trap(), 0);
    switch_on(0, PORT_POST, 0);
    assert_true(fake_machine.vcpu->uses_breakpoints);
    fake_machine_in(PORT_POST, 1);
    assert_false(fake_machine.vcpu->uses_breakpoints);
}

static void one_that_is_on_keeps_it_looking(void **state)
{
    (void)state;
    fake_machine_set_register(REG_DEBUG_EXIT, 0);
    switch_on(0, PORT_POST, DR7_PORT_0);
    fake_machine_in(0x70, 1);
    assert_int_equal(trap(), 0);
    assert_true(fake_machine.vcpu->uses_breakpoints);
    assert_int_equal(fake_machine_register(REG_DEBUG_EXIT), 0);
}

// ---- Ports ----

static void a_port_traps_in_both_directions(void **state)
{
    (void)state;
    switch_on(0, PORT_POST, DR7_PORT_0);
    fake_machine_in(PORT_POST, 1);
    assert_int_equal(trap(), 1);
    fake_machine_out(PORT_POST - 1, 2, 0x4321);
    assert_int_equal(trap(), 1);
    assert_int_equal(fake_machine_in(PORT_POST, 1) & 0xff, 0x43); // and the access is carried out
    fake_machine_set_register(REG_CR4, 0);
    (void)trap();
    fake_machine_in(PORT_POST, 1);
    assert_int_equal(trap(), 0);
}

static struct vm_exit string_output(void)
{
    return (struct vm_exit){.kind = EXIT_IO, .io = {.port = PORT_POST, .width = 1, .string = true}};
}

static void a_string_traps_after_each_element(void **state)
{
    uint64_t *gpr = fake_machine_gpr();
    (void)state;
    PLACE("\xf3\x6e"); // rep outsb
    gpr[GPR_RCX] = 2;
    gpr[GPR_RSI] = DATA;
    switch_on(0, PORT_POST, DR7_PORT_0);
    assert_int_equal(fake_machine_exit(string_output()), RETRY);
    assert_int_equal(gpr[GPR_RCX], 1);
    assert_true(fake_machine_take_fault(VECTOR_DB));
    assert_int_equal(fake_machine_register(REG_DR6), DR6_FIXED | 1);
    assert_int_equal(fake_machine_register(REG_RIP), CODE);
    assert_int_equal(fake_machine_exit(string_output()), ADVANCE_DECODED);
    assert_int_equal(trap(), 1); // behind the instruction
}

// The element is read from RAM.
static void a_string_meets_the_watch_of_its_memory(void **state)
{
    (void)state;
    PLACE("\x6e"); // outsb
    fake_machine_gpr()[GPR_RSI] = DATA + 3;
    switch_on(1, DATA, DR7_WATCH_1);
    assert_int_equal(fake_machine_exit(string_output()), ADVANCE_DECODED);
    assert_int_equal(trap(), 2);
}

// ---- Device memory ----

// 64-bit mode, with the first GiB and the fourth mapped one to one.
static void start_long(void)
{
    fake_machine_free();
    fake_machine_start_long();
    uint64_t *tables = guest_memory_at(&fake_machine.vm->memory, gpa(TABLES), 2 * PAGE_SIZE);
    assert_non_null(tables);
    tables[0] = (TABLES + PAGE_SIZE) | 3;
    tables[512] = 0x83;
    tables[512 + 3] = 0xc0000083;
    fake_machine_set_register(REG_CR3, TABLES);
    PLACE("\x8b\x03"); // mov eax, [rbx]
    fake_machine_gpr()[GPR_RBX] = HPET_BASE;
}

static uint64_t read_device(void)
{
    const struct vcpu *vcpu = fake_machine.vcpu;
    struct vm_exit exit = {
        .kind = EXIT_MEMORY,
        .memory = {.gpa = gpa(HPET_BASE),
                   .gva = gva(HPET_BASE),
                   .gva_valid = true,
                   .access = ACCESS_READ,
                   .code = {.rip = CODE,
                            .cr3 = TABLES,
                            .cs_attributes = vcpu->core.backend->segments[SEGMENT_CS].attributes}}};
    fake_machine_set_register(REG_RIP, CODE);
    assert_int_equal(fake_machine_exit(exit), ADVANCE_DECODED);
    return trap();
}

static bool remembers(void)
{
    for (unsigned i = 0; i < EMULATOR_MOVES; i++) {
        if (fake_machine.vcpu->emulator_cache.moves[i].length != 0) {
            return true;
        }
    }
    return false;
}

// A move that is remembered must not slip through.
static void a_watched_register_traps(void **state)
{
    (void)state;
    start_long();
    assert_int_equal(read_device(), 0);
    assert_true(remembers());
    switch_on(1, HPET_BASE, DR7_WATCH_1);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(read_device(), 2);
        assert_false(remembers());
    }
    switch_on(1, HPET_BASE + 4, DR7_WATCH_1);
    assert_int_equal(read_device(), 0);
    fake_machine_set_register(REG_DR7, DR7_FIXED);
    assert_int_equal(read_device(), 0);
    assert_true(remembers());
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_look_that_finds_nothing_waits_for_the_guest),
        TEST(one_that_is_on_keeps_it_looking),
        TEST(a_port_traps_in_both_directions),
        TEST(a_string_traps_after_each_element),
        TEST(a_string_meets_the_watch_of_its_memory),
        TEST(a_watched_register_traps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
