// SPDX-License-Identifier: MIT
// Tests of the snapshots of a VM: registers, memory, exits.
#include "vmm/monitor/inspect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/monitor/inspect_fixture.h"
#include "tests/host/monitor/monitor_fixture.h"
#include "vmm/monitor/inspect_registers.h"

static struct vm *web;
static struct vm *spare;
static struct reason why;

static int set_up(void **state)
{
    inspect_set_up(state);
    web = fixture.web;
    spare = fixture.spare;
    return 0;
}

static void assert_has(const char *part)
{
    if (!strstr(shown, part)) {
        fail_msg("no \"%s\" in:\n%s", part, shown);
    }
}

static enum status read_memory(uint64_t address, uint64_t length)
{
    shown[0] = '\0';
    return inspect_memory(web, gpa(address), length, buffer, &shown_sink, &why);
}

static void test_registers(void **state)
{
    (void)state;
    struct backend_vcpu *backend = web->vcpus[0]->core.backend;
    backend->registers[REG_RSP] = 0x1000;
    backend->registers[REG_RFLAGS] = 0x246;
    backend->registers[REG_CR0] = 0x80000031;
    backend->registers[REG_CR4] = UINT64_MAX;
    backend->registers[REG_INTERRUPT_SHADOW] = SHADOW_STI;
    backend->segments[SEGMENT_CS] =
        (struct segment){.selector = 8, .attributes = 0xa09b, .limit = UINT32_MAX, .base = 1};
    backend->segments[SEGMENT_IDTR] = (struct segment){.limit = UINT32_MAX, .base = 9};
    web->vcpus[0]->core.registers.gpr[GPR_RAX] = 0x1122334455667788;
    web->vcpus[0]->core.registers.gpr[GPR_RSP] = 0xdead; // not where RSP is kept
    assert_int_equal(inspect_registers(web, 0, &shown_sink, &why), STATUS_OK);
    assert_has("RAX    1122334455667788  RCX  0000000000000000\n");
    assert_has("RSP    0000000000001000");
    assert_has("RIP    0000000000007c00\n");
    assert_has("RFLAGS 0000000000000246 PF ZF IF\n");
    assert_has("CR0    0000000080000031 PE ET NE PG\n");
    assert_has(" PKS UINTR and 0xfffffffffc008000\n");
    assert_has("shadow 0000000000000001 after STI\n");
    assert_has(
        "CS   0008  base 0000000000000001 limit ffffffff attributes a09b 64-bit code ring 0\n");
    assert_has("IDTR       base 0000000000000009 limit ffffffff\n");
    assert_null(strstr(shown, "dead"));
}

static void test_registers_of_a_vm_that_is_off(void **state)
{
    (void)state;
    assert_int_equal(inspect_registers(spare, 0, &shown_sink, &why), STATUS_BUSY);
    assert_string_equal(why.text, "spare is off: it has no CPU");
    assert_string_equal(shown, "");
}

static void test_memory_rows(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 64; i++) {
        fixture_ram(web, 0)[i] = (uint8_t)('0' + i);
    }
    assert_int_equal(read_memory(0, 32), STATUS_OK);
    assert_string_equal(shown, "000000000000  30 31 32 33 34 35 36 37 38 39 3a 3b 3c 3d 3e 3f "
                               "|0123456789:;<=>?|\n"
                               "000000000010  40 41 42 43 44 45 46 47 48 49 4a 4b 4c 4d 4e 4f "
                               "|@ABCDEFGHIJKLMNO|\n");
}

static void test_memory_that_starts_and_ends_inside_rows(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 64; i++) {
        fixture_ram(web, 0)[i] = (uint8_t)('0' + i);
    }
    assert_int_equal(read_memory(14, 3), STATUS_OK);
    assert_string_equal(shown, "000000000000                                            3e 3f "
                               "|              >?|\n"
                               "000000000010  40                                              "
                               "|@               |\n");
    assert_int_equal(read_memory(17, 1), STATUS_OK);
    assert_string_equal(shown, "000000000010     41                                           "
                               "| A              |\n");
}

static void test_memory_at_the_end_of_ram(void **state)
{
    (void)state;
    assert_int_equal(read_memory(FAKE_VM_BYTES - 16, 64), STATUS_OK);
    assert_has("0000001ffff0  00 ");
    assert_has("000000200000  to 0x20002f: not RAM of this VM\n");
    assert_int_equal(read_memory(FAKE_VM_BYTES - 8, 16), STATUS_OK);
    assert_has("0000001ffff0                          00 ");
    assert_has("000000200000  to 0x200007: not RAM of this VM\n");
}

static void test_memory_with_a_hole(void **state)
{
    (void)state;
    assert_int_equal(read_memory(GUEST_VGA_HOLE - 15, INSPECT_READ_MAX), STATUS_OK);
    assert_has("0000000a0000  to 0xa0ff0: not RAM of this VM\n");
    assert_int_equal(read_memory(GUEST_VGA_TEXT - INSPECT_READ_MAX, INSPECT_READ_MAX), STATUS_OK);
    assert_string_equal(shown, "0000000b7000  to 0xb7fff: not RAM of this VM\n");
    assert_int_equal(read_memory(GUEST_VGA_TEXT - 8, 16), STATUS_OK);
    assert_has("0000000b7ff8  to 0xb7fff: not RAM of this VM\n0000000b8000  20 "); // a space
}

// A terminal that is too narrow would wrap the row: what a guest wrote would begin a line.
static void test_memory_on_a_narrow_screen(void **state)
{
    (void)state;
    memcpy(fixture_ram(web, 0), "husk> ", 6);
    shown_sink.columns = 79;
    assert_int_equal(read_memory(0, 6), STATUS_OK);
    assert_string_equal(shown,
                        "000000000000  68 75 73 6b 3e 20                               ||\n");
    shown_sink.columns = 80;
    assert_int_equal(read_memory(0, 16), STATUS_OK);
    assert_int_equal(strlen(shown), 80 + 1);
}

static void test_memory_limits(void **state)
{
    (void)state;
    assert_int_equal(read_memory(1, INSPECT_READ_MAX), STATUS_OK);
    assert_int_equal(read_memory(0, INSPECT_READ_MAX + 1), STATUS_RANGE);
    assert_int_equal(read_memory(0, 0), STATUS_RANGE);
    assert_int_equal(read_memory(UINT64_MAX, 1), STATUS_RANGE);
    assert_int_equal(read_memory(UINT64_MAX - 1, 1), STATUS_OK);
    assert_string_equal(shown, "fffffffffffffffe  to 0xfffffffffffffffe: not RAM of this VM\n");
    assert_int_equal(inspect_memory(spare, gpa(0), 16, buffer, &shown_sink, &why), STATUS_BUSY);
    assert_string_equal(why.text, "spare is off: it has no memory");
}

static void test_every_start_and_length(void **state)
{
    (void)state;
    for (uint64_t start = 0; start < 34; start++) {
        for (uint64_t length = 1; length < 70; length++) {
            assert_int_equal(read_memory(FAKE_VM_BYTES - 50 + start, length), STATUS_OK);
        }
    }
}

static void test_exits(void **state)
{
    (void)state;
    web->vcpus[0]->core.exits[EXIT_CPUID] = 3;
    web->vcpus[0]->core.exits[EXIT_HLT] = 4000000000000;
    web->pc->io.unclaimed = 5;
    web->pc->io.last_unclaimed = 0x2e;
    web->pc->pci.lost_messages = 6;
    web->pc->pci.last_lost_message = 0x1000;
    web->unknown_msr_accesses = 1;
    web->last_unknown_msr = 0xc0011029;
    web->unknown_instructions = 2;
    web->last_unknown_rip = 0xffffffff81000000;
    assert_int_equal(inspect_exits(web, &shown_sink, &why), STATUS_OK);
    assert_string_equal(shown, "CPUID                             3\n"
                               "HLT                   4000000000000\n"
                               "all exits             4000000000003\n"
                               "unclaimed ports                   5  last 0x2e\n"
                               "lost messages                     6  last 0x1000\n"
                               "unknown MSRs                      1  last 0xc0011029\n"
                               "unknown instructions              2  last 0xffffffff81000000\n");
    uint64_t total;
    assert_int_equal(inspect_exit_total(web, &total), STATUS_OK);
    assert_int_equal(total, 4000000000003);
    assert_int_equal(inspect_exit_total(spare, &total), STATUS_OK);
    assert_int_equal(total, 0);
    assert_int_equal(inspect_exits(spare, &shown_sink, &why), STATUS_BUSY);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_registers),
        TEST(test_registers_of_a_vm_that_is_off),
        TEST(test_memory_rows),
        TEST(test_memory_that_starts_and_ends_inside_rows),
        TEST(test_memory_at_the_end_of_ram),
        TEST(test_memory_with_a_hole),
        TEST(test_memory_on_a_narrow_screen),
        TEST(test_memory_limits),
        TEST(test_every_start_and_length),
        TEST(test_exits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
