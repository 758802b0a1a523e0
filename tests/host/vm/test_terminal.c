// SPDX-License-Identifier: MIT
// Tests of the rings between a guest's UART and the console.
#include "vmm/vm/terminal.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

static struct terminal terminal;

static int set_up(void **state)
{
    (void)state;
    terminal_init(&terminal);
    return 0;
}

static void test_starts_empty(void **state)
{
    (void)state;
    assert_int_equal(terminal_take(&terminal), -1);
    assert_int_equal(terminal_get(&terminal), -1);
    assert_false(terminal_has_output(&terminal));
    assert_int_equal(terminal_history_start(&terminal), 0);
}

static void test_output_keeps_order_and_all_values(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        assert_true(terminal_put(&terminal, (uint8_t)byte));
    }
    for (int byte = 0; byte < 256; byte++) {
        assert_int_equal(terminal_take(&terminal), byte);
    }
    assert_int_equal(terminal_take(&terminal), -1);
}

static void test_output_full_refuses_and_loses_nothing(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TERMINAL_OUTPUT_BYTES; i++) {
        assert_true(terminal_put(&terminal, (uint8_t)i));
    }
    assert_false(terminal_put(&terminal, 'x'));
    assert_int_equal(terminal_take(&terminal), 0);
    assert_true(terminal_put(&terminal, 'y'));
    for (unsigned i = 1; i < TERMINAL_OUTPUT_BYTES; i++) {
        assert_int_equal(terminal_take(&terminal), (uint8_t)i);
    }
    assert_int_equal(terminal_take(&terminal), 'y');
}

// If a byte was refused, the other side learns that a byte waits, even if the ring was no longer
// full when the other side came to empty it.
static void test_a_refused_byte_is_told_to_the_other_side_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TERMINAL_OUTPUT_BYTES; i++) {
        assert_true(terminal_put(&terminal, (uint8_t)i));
    }
    assert_false(terminal_take_room_wanted(&terminal));
    assert_int_equal(terminal_take(&terminal), 0);
    assert_true(terminal_put(&terminal, 'x'));
    assert_false(terminal_put(&terminal, 'y'));
    assert_int_equal(terminal_take(&terminal), 1);
    assert_true(terminal_take_room_wanted(&terminal));
    assert_false(terminal_take_room_wanted(&terminal));
    assert_true(terminal_put(&terminal, 'y'));
    terminal_put(&terminal, 'z');
    terminal_init(&terminal);
    assert_false(terminal_take_room_wanted(&terminal));
}

static void test_input_full_refuses(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TERMINAL_INPUT_BYTES; i++) {
        assert_true(terminal_type(&terminal, (uint8_t)i));
    }
    assert_false(terminal_type(&terminal, 'x'));
    assert_int_equal(terminal_get(&terminal), 0);
    assert_true(terminal_type(&terminal, 'x'));
}

static void test_positions_wrap_at_32_bits(void **state)
{
    (void)state;
    terminal.output_head = terminal.output_tail = UINT32_MAX - 1;
    for (unsigned i = 0; i < TERMINAL_OUTPUT_BYTES; i++) {
        assert_true(terminal_put(&terminal, (uint8_t)(i * 7)));
    }
    assert_false(terminal_put(&terminal, 'x'));
    for (unsigned i = 0; i < TERMINAL_OUTPUT_BYTES; i++) {
        assert_int_equal(terminal_take(&terminal), (uint8_t)(i * 7));
    }
    assert_false(terminal_has_output(&terminal));
}

static void test_history_keeps_the_last_bytes(void **state)
{
    (void)state;
    const unsigned total = TERMINAL_HISTORY_BYTES + 100;

    for (unsigned i = 0; i < total; i++) {
        assert_true(terminal_put(&terminal, (uint8_t)(i % 251)));
        assert_int_equal(terminal_take(&terminal), i % 251);
    }
    assert_int_equal(terminal.history_length, total);
    assert_int_equal(terminal_history_start(&terminal), 100);
    for (uint64_t at = terminal_history_start(&terminal); at < total; at++) {
        assert_int_equal((uint8_t)terminal_history_at(&terminal, at), at % 251);
    }
}

#define BYTES 200000U

static bool told; // the producer was told that there is room again

// A guest that sends. It offers a refused byte again when the other side tells it to.
static void *send_all(void *argument)
{
    for (unsigned i = 0; i < BYTES; i++) {
        while (!terminal_put(&terminal, (uint8_t)(i * 7))) {
            while (!__atomic_exchange_n(&told, false, __ATOMIC_SEQ_CST)) {
            }
        }
    }
    return argument;
}

static void test_no_byte_is_lost_between_threads(void **state)
{
    (void)state;
    pthread_t thread;
    alarm(60); // a lost message would be waited for until then
    assert_int_equal(pthread_create(&thread, NULL, send_all, NULL), 0);
    for (unsigned i = 0; i < BYTES;) {
        for (int byte; (byte = terminal_take(&terminal)) >= 0; i++) {
            assert_int_equal(byte, (uint8_t)(i * 7));
        }
        if (terminal_take_room_wanted(&terminal)) {
            __atomic_store_n(&told, true, __ATOMIC_SEQ_CST);
        }
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    alarm(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_starts_empty, set_up),
        cmocka_unit_test_setup(test_output_keeps_order_and_all_values, set_up),
        cmocka_unit_test_setup(test_output_full_refuses_and_loses_nothing, set_up),
        cmocka_unit_test_setup(test_a_refused_byte_is_told_to_the_other_side_once, set_up),
        cmocka_unit_test_setup(test_input_full_refuses, set_up),
        cmocka_unit_test_setup(test_positions_wrap_at_32_bits, set_up),
        cmocka_unit_test_setup(test_history_keeps_the_last_bytes, set_up),
        cmocka_unit_test_setup(test_no_byte_is_lost_between_threads, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
