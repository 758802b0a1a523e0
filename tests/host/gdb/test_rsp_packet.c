// SPDX-License-Identifier: MIT
// Tests of the frames of GDB's remote protocol.
#include "vmm/debug/gdb/rsp_packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct rsp rsp;

static int set_up(void **state)
{
    (void)state;
    rsp_init(&rsp);
    return 0;
}

// Gives it the bytes, and returns what the last one made.
static enum rsp_event take(const char *bytes, size_t length)
{
    enum rsp_event event = RSP_NOTHING;
    for (size_t i = 0; i < length; i++) {
        event = rsp_byte(&rsp, (uint8_t)bytes[i]);
    }
    return event;
}

static enum rsp_event take_text(const char *text)
{
    return take(text, strlen(text));
}

// Takes all that is to be sent.
static const char *sent(void)
{
    static char text[RSP_FRAME_BYTES + 2];
    size_t at = 0;
    size_t length;
    const char *bytes = rsp_pending(&rsp, &length);
    while (length > 0) {
        text[at++] = bytes[0];
        rsp_sent(&rsp, 1);
        bytes = rsp_pending(&rsp, &length);
    }
    text[at] = '\0';
    return text;
}

static void a_packet_is_taken_and_acknowledged(void **state)
{
    (void)state;
    assert_int_equal(take_text("+$qC#b4"), RSP_PACKET);
    assert_string_equal(rsp.packet, "qC");
    assert_int_equal(rsp.length, 2);
    assert_string_equal(sent(), "+");
    assert_int_equal(take_text("$#00"), RSP_PACKET);
    assert_int_equal(rsp.length, 0);
}

static void a_wrong_checksum_is_refused(void **state)
{
    static const char *const wrong[] = {"$qC#b5", "$qC#a4", "$qC#g4", "$qC#bg", "$qC#  "};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
        assert_int_equal(take_text(wrong[i]), RSP_NOTHING);
        assert_string_equal(sent(), "-");
    }
    assert_int_equal(take_text("$qC#B4"), RSP_PACKET);
    rsp.no_acks = true;
    (void)sent();
    assert_int_equal(take_text("$qC#b5"), RSP_NOTHING);
    assert_string_equal(sent(), "");
}

static void escapes_are_resolved(void **state)
{
    (void)state;
    assert_int_equal(take_text("$}\x03}\x04}]}\x0a#cb"), RSP_NOTHING);
    (void)sent();
    assert_int_equal(take("$}\x03}\x04}]}\x0a#62", 12), RSP_PACKET);
    assert_int_equal(rsp.length, 4);
    assert_memory_equal(rsp.packet, "#$}*", 5);
}

static void a_packet_that_breaks_off_is_forgotten(void **state)
{
    (void)state;
    assert_int_equal(take_text("$m1000,"), RSP_NOTHING);
    assert_int_equal(take_text("+$qC#b4"), RSP_PACKET);
    assert_int_equal(take_text("$m1000,4#$qC#b4"), RSP_PACKET);
    assert_int_equal(take_text("$m1000,4#4$qC#b4"), RSP_PACKET);
    assert_int_equal(take_text("$m1000,}$qC#b4"), RSP_PACKET);
    assert_string_equal(rsp.packet, "qC");
}

static void a_packet_that_is_too_long_is_empty(void **state)
{
    (void)state;
    for (unsigned extra = 0; extra < 2; extra++) {
        (void)take_text("$");
        uint8_t sum = 0;
        for (unsigned i = 0; i < RSP_PACKET_BYTES + extra; i++) {
            (void)take_text("a");
            sum = (uint8_t)(sum + 'a');
        }
        char end[] = {'#', "0123456789abcdef"[sum >> 4], "0123456789abcdef"[sum & 0xf], '\0'};
        assert_int_equal(take_text(end), RSP_PACKET);
        assert_int_equal(rsp.length, extra ? 0 : RSP_PACKET_BYTES);
    }
}

static void keys_count_outside_of_packets_only(void **state)
{
    (void)state;
    assert_int_equal(take_text("\x03"), RSP_INTERRUPT);
    assert_int_equal(take_text("\x1d"), RSP_LEAVE);
    assert_int_equal(take_text("$\x03\x1d#20"), RSP_PACKET);
    assert_int_equal(take_text("husk?\r\n"), RSP_NOTHING);
}

static void a_reply_is_framed_and_sent_again(void **state)
{
    (void)state;
    assert_true(rsp_is_idle(&rsp));
    rsp_send(&rsp, "OK", 2);
    assert_false(rsp_is_sent(&rsp));
    assert_string_equal(sent(), "$OK#9a");
    assert_true(rsp_is_sent(&rsp));
    assert_false(rsp_is_idle(&rsp));
    (void)take_text("-");
    assert_string_equal(sent(), "$OK#9a");
    (void)take_text("+");
    assert_true(rsp_is_idle(&rsp));
    rsp.no_acks = true;
    rsp_send(&rsp, "OK", 2);
    (void)sent();
    assert_true(rsp_is_idle(&rsp));
    (void)take_text("-");
    assert_true(rsp_is_idle(&rsp));
}

// Undoes escapes and runs of a frame, as GDB does.
static size_t decode(const char *frame, char *to)
{
    size_t length = 0;
    for (const char *at = frame + 1; *at != '#'; at++) {
        if (*at == '*') {
            at++;
            assert_in_range(*at, ' ', '~');
            assert_int_not_equal(*at, '$');
            for (int count = *at - 29; count > 0; count--, length++) {
                to[length] = to[length - 1];
            }
        } else if (*at == '}') {
            to[length++] = (char)(*++at ^ 0x20);
        } else {
            assert_int_not_equal(*at, '$');
            to[length++] = *at;
        }
    }
    return length;
}

static void runs_of_any_length_come_back(void **state)
{
    static char text[RSP_PACKET_BYTES];
    static char decoded[RSP_PACKET_BYTES];
    static const char characters[] = {'0', '#', '*', '}', '$', '\0', '\xff'};
    (void)state;
    rsp.no_acks = true;
    for (unsigned i = 0; i < sizeof(characters); i++) {
        for (size_t length = 0; length < 300; length++) {
            memset(text, characters[i], length);
            text[length] = 'x';
            rsp_send(&rsp, text, length + 1);
            assert_int_equal(decode(rsp.frame, decoded), length + 1);
            assert_memory_equal(decoded, text, length + 1);
        }
    }
    memset(text, '#', sizeof(text));
    rsp_send(&rsp, text, sizeof(text));
    assert_int_equal(rsp.frame_length, RSP_FRAME_BYTES);
    memset(text, '0', 5);
    rsp_send(&rsp, text, 5);
    assert_string_equal(sent(), "$0*!#7b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_packet_is_taken_and_acknowledged, set_up),
        cmocka_unit_test_setup(a_wrong_checksum_is_refused, set_up),
        cmocka_unit_test_setup(escapes_are_resolved, set_up),
        cmocka_unit_test_setup(a_packet_that_breaks_off_is_forgotten, set_up),
        cmocka_unit_test_setup(a_packet_that_is_too_long_is_empty, set_up),
        cmocka_unit_test_setup(keys_count_outside_of_packets_only, set_up),
        cmocka_unit_test_setup(a_reply_is_framed_and_sent_again, set_up),
        cmocka_unit_test_setup(runs_of_any_length_come_back, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
