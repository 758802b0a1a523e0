// SPDX-License-Identifier: MIT
// Tests of the server of GDB's remote protocol, on a fake target.
#include "vmm/debug/gdb/gdb_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/gdb/fake_target.h"
#include "vmm/util/nanoseconds.h"

static int set_up(void **state)
{
    (void)state;
    fake_target_init();
    return 0;
}

static void assert_answer(const char *packet, const char *answer)
{
    assert_string_equal(fake_target_ask(packet), answer);
}

static void attach_to_web(void)
{
    assert_answer("!", "OK\n");
    assert_answer("vAttach;1", "T05thread:p1.1;\n");
}

static void a_session_begins_with_acknowledgements(void **state)
{
    static const char supported[] = "$qSupported:multiprocess+#c6";
    (void)state;
    const char *answer = fake_target_say(supported, strlen(supported));
    assert_memory_equal(answer, "+$PacketSize=1000;", 18);
    assert_string_equal(fake_target_say("+$QStartNoAckMode#b0", 20), "+$OK#9a");
    assert_string_equal(fake_target_say("+$qC#b4", 7), "$#00");
    // The next GDB knows nothing of that.
    assert_int_equal(fake_target_say(supported, strlen(supported))[0], '+');
    assert_false(fake_target.server.rsp.no_acks);
}

static void what_is_not_known_gets_an_empty_answer(void **state)
{
    (void)state;
    assert_answer("vMustReplyEmpty", "\n");
    assert_answer("", "\n");
    assert_answer("qTStatus", "\n");
    assert_answer("qCRC:0,1", "\n");
}

static void a_vm_is_attached_to_and_stands(void **state)
{
    (void)state;
    assert_answer("!", "OK\n");
    assert_answer("?", "W00\n");
    assert_answer("vAttach;1", "T05thread:p1.1;\n");
    assert_int_equal(fake_target.states[0], GDB_VM_STANDS);
    assert_int_equal(fake_target.states[1], GDB_VM_RUNS);
    assert_answer("vAttach;1", "E01\n"); // already
    assert_answer("vAttach;3", "E01\n"); // off
    assert_answer("vAttach;4", "E01\n");
    assert_answer("vAttach;0", "E01\n");
    assert_answer("vAttach;2 ", "E01\n");
    assert_answer("qC", "QCp1.1\n");
    assert_answer("?", "T05thread:p1.1;\n");
}

static void a_simple_gdb_gets_the_first_vm_that_runs(void **state)
{
    (void)state;
    fake_target.states[0] = GDB_VM_ENDED;
    assert_answer("?", "T05thread:p2.1;\n");
    assert_int_equal(fake_target.states[1], GDB_VM_STANDS);
    fake_target_init();
    fake_target.states[1] = GDB_VM_OFF;
    fake_target.states[0] = GDB_VM_ENDED;
    assert_answer("?", "T05thread:p1.1;\n");
    fake_target_init();
    fake_target.states[0] = GDB_VM_OFF;
    fake_target.states[1] = GDB_VM_OFF;
    assert_answer("?", "W00\n");
}

static void threads_are_listed(void **state)
{
    (void)state;
    assert_answer("Hgp2.1", "OK\n");
    assert_answer("Hgp41.1", "E01\n"); // there is no such VM
    attach_to_web();
    assert_answer("vAttach;2", "T05thread:p2.1;\n");
    assert_answer("qfThreadInfo", "mp1.1,p1.2,p2.1,p2.2\n");
    assert_answer("qsThreadInfo", "l\n");
    assert_answer("qThreadExtraInfo,p1.2", "7765622076435055"
                                           "2031\n"); // web vCPU 1
    assert_answer("Tp1.2", "OK\n");
    assert_answer("Tp1.3", "E01\n");
    assert_answer("Tp3.1", "E01\n");
    assert_answer("Hgp1.2", "OK\n");
    assert_answer("qC", "QCp1.2\n");
    assert_answer("Hgp1.9", "E01\n");
    assert_answer("Hgp0.0", "OK\n");
    assert_answer("Hg2", "OK\n");
    assert_answer("Hgpx", "E01\n");
    assert_answer("Hgpffffffffffffffffff.1", "E01\n");
    assert_answer("qC", "QCp1.2\n");
    assert_answer("Hc-1", "OK\n");
}

static void registers_are_read_and_written(void **state)
{
    struct gdb_registers *registers = &fake_target.registers[0][1];
    char packet[64];
    (void)state;
    assert_answer("g", "E01\n"); // nothing is attached
    attach_to_web();
    (void)fake_target_ask("Hgp1.2");
    registers->general[GDB_RIP] = 0x1122334455667788;
    assert_answer("p10", "8877665544332211\n");
    assert_answer("P10=0100000000000000", "OK\n");
    assert_int_equal(registers->general[GDB_RIP], 1);
    assert_int_equal(fake_target.registers[0][0].general[GDB_RIP], 0);
    assert_answer("P10=01", "E01\n");
    assert_answer("P10=010000000000000000", "E01\n");
    assert_answer("P10", "E01\n");
    assert_answer("pffffffffffffffff", "E01\n");
    assert_answer("p1000000000", "E01\n");
    assert_answer("p", "E01\n");
    snprintf(packet, sizeof(packet), "G%016x%016x", 1, 2);
    assert_answer(packet, "OK\n");
    assert_int_equal(registers->general[GDB_RBX], 0x0200000000000000);
    assert_answer("G0", "E01\n");
    assert_int_equal(strlen(fake_target_ask("g")),
                     1 + 2 * (17 * 8 + 4 + 24 + 80 + 32 + 256 + 4 + 256 + 16 + GDB_SYSTEM * 8));
    fake_target.read_only = true;
    assert_answer("P10=0100000000000000", "E01\n");
}

static void memory_is_read_and_written(void **state)
{
    (void)state;
    assert_answer("m0,1", "E01\n"); // nothing is attached
    attach_to_web();
    memcpy(fake_target.memory + 16, "guest", 5);
    assert_answer("m10,5", "6775657374\n");
    assert_answer("M10,2:4142", "OK\n");
    assert_answer("X12,3:CD}\x03", "OK\n");
    assert_memory_equal(fake_target.memory + 16, "ABCD#", 5);
    assert_answer("mffe,8", "0000\n"); // only so much is there
    assert_answer("m1000,1", "E01\n");
    assert_answer("Mffe,3:010203", "E01\n");
    assert_answer("X10,0:", "OK\n");
    static const char *const wrong[] = {"m",
                                        "m10",
                                        "m10,",
                                        "m10,1,",
                                        "mx,1",
                                        "M10,2:41",
                                        "M10,1:4142",
                                        "X10,2:a",
                                        "M10,1:g",
                                        "M10,1",
                                        "Mfffffffffffffffff,1:41"};
    for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
        assert_answer(wrong[i], "E01\n");
    }
    assert_int_equal(strlen(fake_target_ask("m0,ffffffffffffffff")), RSP_PACKET_BYTES + 1);
}

static void addresses_may_be_physical(void **state)
{
    (void)state;
    attach_to_web();
    fake_target.memory[1] = 0xab;
    assert_answer("qRcmd,706879736963616c", // physical
                  "O6164647265737365732061726520677565"
                  "73742d706879736963616c0a\nOK\n");
    assert_answer("m100001,1", "ab\n");
    assert_answer("m1,1", "E01\n");
    (void)fake_target_ask("qRcmd,6c696e656172"); // linear
    assert_answer("m1,1", "ab\n");
}

static void commands_are_handed_on(void **state)
{
    (void)state;
    assert_answer("qRcmd,766d73", "O64696420766d730a\nOK\n"); // vms
    assert_string_equal(fake_target.commands, "vms");
    assert_answer("qRcmd,", "OK\n");
    assert_answer("qRcmd,7", "E01\n");
    assert_answer("qRcmd,7g", "E01\n");
    const char *answer = fake_target_ask("qRcmd,6d756368"); // much
    assert_int_equal(strlen(answer), 2 * GDB_ANSWER_BYTES + 2 * GDB_ANSWER_BYTES / 512 + 3);
}

static void a_vm_goes_on_until_ctrl_c(void **state)
{
    (void)state;
    attach_to_web();
    assert_answer("vCont?", "vCont;c;C;s;S\n");
    assert_answer("vCont;c:p1.-1", "");
    assert_int_equal(fake_target.states[0], GDB_VM_RUNS);
    fake_target.server.rsp.no_acks = true;
    assert_string_equal(fake_target_say("\x03", 1), "$T02thread:p1.1;#a3");
    assert_int_equal(fake_target.states[0], GDB_VM_STANDS);
    assert_string_equal(fake_target_say("\x03", 1), ""); // nothing runs
    assert_answer("vCont;C05", "");
    assert_int_equal(fake_target.states[0], GDB_VM_RUNS);
}

static void what_cannot_go_on_is_refused(void **state)
{
    static const char *const wrong[] = {"vCont",         "vCont;",       "vCont;x",  "vCont;c:p2.1",
                                        "vCont;c:p9.-1", "vCont;c:",     "vCont;c;", "vCont;cc",
                                        "vCont;C",       "vCont;c:p1.1x"};
    (void)state;
    assert_answer("vCont;c", "E01\n"); // nothing is attached
    attach_to_web();
    for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
        assert_answer(wrong[i], "E01\n");
        assert_int_equal(fake_target.states[0], GDB_VM_STANDS);
    }
}

static void an_end_is_told_and_all_others_stop(void **state)
{
    (void)state;
    attach_to_web();
    (void)fake_target_ask("vAttach;2");
    assert_answer("vCont;c", "");
    fake_target.states[0] = GDB_VM_ENDED;
    assert_string_equal(fake_target_say("", 0), "$T0fthread:p1.1;#d7");
    assert_int_equal(fake_target.states[1], GDB_VM_STANDS);
    assert_true(fake_target.caught[0]);
    assert_int_equal(strlen(fake_target_ask("p0")), 17); // it can still be looked into
    assert_answer("vCont;c", "W2a;process:1\n");
    assert_false(fake_target.caught[0]);
    assert_answer("Tp1.1", "E01\n");
    assert_answer("vCont;c", "");
    fake_target.states[1] = GDB_VM_ENDED;
    fake_target.failed[1] = true;
    assert_string_equal(fake_target_say("", 0), "$T06thread:p2.1;#a8");
    assert_answer("vCont;c", "X06;process:2\n");
}

static void a_vm_that_is_stopped_is_gone(void **state)
{
    (void)state;
    attach_to_web();
    assert_answer("vCont;c", "");
    fake_target.states[0] = GDB_VM_OFF;
    assert_string_equal(fake_target_say("", 0), "$X09;process:1#66");
    assert_false(fake_target.caught[0]);
}

static void a_reset_waits_until_gdb_lets_it_go(void **state)
{
    (void)state;
    attach_to_web();
    for (unsigned i = 0; i < 2; i++) {
        assert_answer("vCont;c", "");
        assert_true(fake_target.caught[0]);
        fake_target.states[0] = GDB_VM_RESETS;
        assert_string_equal(fake_target_say("", 0), "$T01thread:p1.1;#a2");
        assert_true(fake_target.caught[0]);
        assert_answer("vCont;c", "");
        assert_false(fake_target.caught[0]);
        fake_target.states[0] = GDB_VM_BEGINS;
        assert_string_equal(fake_target_say("", 0), "");
        assert_true(fake_target.caught[0]); // the next one waits too
        fake_target.states[0] = GDB_VM_RUNS;
        assert_string_equal(fake_target_say("\x03", 1), "$T02thread:p1.1;#a3");
    }
    fake_target.states[0] = GDB_VM_RESETS;
    assert_answer("D;1", "OK\n");
    assert_false(fake_target.caught[0]);
}

static void an_ended_vm_can_be_looked_into(void **state)
{
    (void)state;
    fake_target.states[0] = GDB_VM_ENDED;
    attach_to_web();
    assert_int_equal(strlen(fake_target_ask("p0")), 17);
    assert_answer("vCont;c:p1.-1", "W2a;process:1\n");
}

static void a_vm_that_begins_is_waited_for(void **state)
{
    (void)state;
    attach_to_web();
    assert_answer("vCont;c", "");
    fake_target.states[0] = GDB_VM_BEGINS;
    assert_string_equal(fake_target_say("\x03", 1), "");
    fake_target.states[0] = GDB_VM_RUNS;
    assert_string_equal(fake_target_say("", 0), "$T02thread:p1.1;#a3");
    assert_int_equal(fake_target.states[0], GDB_VM_STANDS);
    fake_target.states[1] = GDB_VM_BEGINS; // there is nothing to attach to yet
    assert_answer("vAttach;2", "E01\n");
}

static void a_vm_goes_on_when_gdb_goes(void **state)
{
    (void)state;
    attach_to_web();
    fake_target.states[1] = GDB_VM_STANDS; // by the user
    (void)fake_target_ask("vAttach;2");
    assert_answer("D;2", "OK\n");
    assert_int_equal(fake_target.states[1], GDB_VM_STANDS);
    assert_false(fake_target.server.left);
    assert_answer("D;2", "E01\n");
    assert_answer("Dx", "E01\n");
    assert_answer("D;1", "OK\n");
    assert_int_equal(fake_target.states[0], GDB_VM_RUNS);
    assert_true(fake_target.server.left);
    attach_to_web();
    (void)fake_target_ask("vAttach;2");
    assert_answer("D", "OK\n");
    assert_int_equal(fake_target.states[0], GDB_VM_RUNS);
    assert_int_equal(fake_target.server.attached, 0);
}

static void a_vm_can_be_killed(void **state)
{
    (void)state;
    attach_to_web();
    assert_answer("vKill;2", "E01\n");
    assert_answer("vKill;1", "OK\n");
    assert_int_equal(fake_target.states[0], GDB_VM_OFF);
    (void)fake_target_ask("vAttach;2");
    assert_answer("k", "");
    assert_int_equal(fake_target.states[1], GDB_VM_OFF);
}

// Reads a document in windows of `step` bytes.
static const char *read_document(const char *name, unsigned step)
{
    static char text[16 * 1024];
    char packet[80];
    size_t length = 0;
    const char *piece;
    do {
        snprintf(packet, sizeof(packet), "qXfer:%s:%zx,%x", name, length, step);
        piece = fake_target_ask(packet);
        assert_true(piece[0] == 'm' || piece[0] == 'l');
        memcpy(text + length, piece + 1, strlen(piece) - 2);
        length += strlen(piece) - 2;
    } while (piece[0] == 'm');
    text[length] = '\0';
    return text;
}

static void documents_are_read_in_windows(void **state)
{
    static char whole[16 * 1024];
    (void)state;
    strcpy(whole, read_document("features:read:target.xml", 0xfff));
    assert_string_equal(read_document("features:read:target.xml", 7), whole);
    assert_non_null(strstr(whole, "<reg name=\"rip\" bitsize=\"64\" type=\"code_ptr\"/>"));
    assert_non_null(strstr(whole, "<reg name=\"ymm15h\" bitsize=\"128\" type=\"uint128\"/>"));
    assert_string_equal(whole + strlen(whole) - 19, "</feature></target>");
    assert_non_null(strstr(read_document("osdata:read:processes", 100),
                           "<item><column name=\"pid\">3</column><column name=\"VM\">spare</column>"
                           "<column name=\"state\">off</column>"));
    assert_answer("qXfer:features:read:target.xml:ffffffff,10", "l\n");
    assert_answer("qXfer:features:read:target.xml:0", "E01\n");
    assert_answer("qXfer:osdata:read::0,10", "E01\n");
}

static void a_slow_line_gets_all(void **state)
{
    (void)state;
    attach_to_web();
    fake_target.room = 1;
    assert_answer("m0,4", "00000000\n");
    fake_target.room = 0;
    assert_int_equal(gdb_server_poll(&fake_target.server), NEVER_NS);
    (void)fake_target_ask("qC");
    assert_int_not_equal(gdb_server_poll(&fake_target.server), NEVER_NS);
    fake_target.room = SIZE_MAX;
    assert_int_equal(gdb_server_poll(&fake_target.server), NEVER_NS);
}

static void a_person_at_a_terminal_leaves(void **state)
{
    (void)state;
    (void)fake_target_say("help\r\x1d", 6);
    assert_true(fake_target.server.left);
}

// What the VM cannot do now is tried again, and nobody waits for it.
static void a_vm_that_cannot_be_stopped_harms_nobody(void **state)
{
    (void)state;
    fake_target.stuck = true;
    assert_answer("!", "OK\n");
    assert_answer("vAttach;1", "");
    assert_answer("qRcmd,766d73", "O64696420766d730a\nOK\n");
    fake_target.stuck = false;
    assert_string_equal(fake_target_say("", 0), "$T05thread:p1.1;#a6");
}

static void a_vcpu_makes_a_step(void **state)
{
    struct gdb_registers *registers = &fake_target.registers[0][1];
    (void)state;
    assert_answer("vCont;s", "E01\n"); // nothing is attached
    attach_to_web();
    registers->general[GDB_RIP] = 0x1fff;
    registers->general[GDB_RSP] = 0x10;
    unsigned changes = fake_target.changes;
    assert_answer("vCont;s:p1.2;c:p1.-1", "T05thread:p1.2;06:0000000000000000;"
                                          "07:1000000000000000;10:0020000000000000;\n");
    assert_answer("qC", "QCp1.2\n");
    assert_int_equal(fake_target.changes, changes); // all stand all the time
    fake_target.waits = 3;
    assert_answer("vCont;S05:p1.2", "T05thread:p1.2;06:0000000000000000;"
                                    "07:1000000000000000;10:0120000000000000;\n");
    assert_int_equal(fake_target.waits, 0);
    assert_answer("?", "T05thread:p1.2;\n");
    // The vCPU that GDB means.
    assert_answer("vCont;s", "T05thread:p1.2;06:0000000000000000;"
                             "07:1000000000000000;10:0220000000000000;\n");
    assert_answer("vCont;c;s:p1.1", "T05thread:p1.1;06:0000000000000000;"
                                    "07:0000000000000000;10:0100000000000000;\n");
    fake_target.step = GDB_STEP_IMPOSSIBLE;
    assert_answer("vCont;s:p1.1", "E01\n");
    assert_answer("vCont;s:p1.3", "E01\n"); // there is no such vCPU
    assert_answer("vCont;s:p2.1", "E01\n"); // it is not attached
    assert_answer("vCont;s:", "E01\n");
}

static void a_step_of_a_halted_vcpu_is_interrupted(void **state)
{
    (void)state;
    attach_to_web();
    fake_target.step = GDB_STEP_WAITS;
    assert_answer("vCont;s:p1.1", "");
    assert_string_equal(fake_target_say("\x03", 1), "$T02thread:p1.1;#a3");
    assert_false(fake_target.server.steps);
}

static void an_end_in_a_step_is_told(void **state)
{
    (void)state;
    attach_to_web();
    fake_target.step = GDB_STEP_WAITS;
    assert_answer("vCont;s:p1.1", "");
    fake_target.states[0] = GDB_VM_ENDED;
    fake_target.failed[0] = true;
    fake_target.step = GDB_STEP_IMPOSSIBLE;
    assert_non_null(strstr(fake_target_say("", 0), "$T06thread:p1.1;#"));
    // A step beyond the end is the end.
    assert_answer("vCont;s:p1.1", "X06;process:1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_session_begins_with_acknowledgements, set_up),
        cmocka_unit_test_setup(what_is_not_known_gets_an_empty_answer, set_up),
        cmocka_unit_test_setup(a_vm_is_attached_to_and_stands, set_up),
        cmocka_unit_test_setup(a_simple_gdb_gets_the_first_vm_that_runs, set_up),
        cmocka_unit_test_setup(threads_are_listed, set_up),
        cmocka_unit_test_setup(registers_are_read_and_written, set_up),
        cmocka_unit_test_setup(memory_is_read_and_written, set_up),
        cmocka_unit_test_setup(addresses_may_be_physical, set_up),
        cmocka_unit_test_setup(commands_are_handed_on, set_up),
        cmocka_unit_test_setup(a_vm_goes_on_until_ctrl_c, set_up),
        cmocka_unit_test_setup(what_cannot_go_on_is_refused, set_up),
        cmocka_unit_test_setup(an_end_is_told_and_all_others_stop, set_up),
        cmocka_unit_test_setup(a_vm_that_is_stopped_is_gone, set_up),
        cmocka_unit_test_setup(a_reset_waits_until_gdb_lets_it_go, set_up),
        cmocka_unit_test_setup(an_ended_vm_can_be_looked_into, set_up),
        cmocka_unit_test_setup(a_vm_that_begins_is_waited_for, set_up),
        cmocka_unit_test_setup(a_vm_goes_on_when_gdb_goes, set_up),
        cmocka_unit_test_setup(a_vm_can_be_killed, set_up),
        cmocka_unit_test_setup(documents_are_read_in_windows, set_up),
        cmocka_unit_test_setup(a_slow_line_gets_all, set_up),
        cmocka_unit_test_setup(a_person_at_a_terminal_leaves, set_up),
        cmocka_unit_test_setup(a_vm_that_cannot_be_stopped_harms_nobody, set_up),
        cmocka_unit_test_setup(a_vcpu_makes_a_step, set_up),
        cmocka_unit_test_setup(a_step_of_a_halted_vcpu_is_interrupted, set_up),
        cmocka_unit_test_setup(an_end_in_a_step_is_told, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
