// SPDX-License-Identifier: MIT
// Tests of the ports that are devices of their own: 0x80, 0x92, 0xe9, 0xf4 and 0xcf9.
#include "vmm/devices/simple_ports.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/host/fake_device.h"
#include "vmm/devices/exit_port.h"
#include "vmm/devices/reset_control.h"
#include "vmm/devices/system_port.h"

static uint32_t exit_status;

static void remember_exit(struct exit_output *output, uint32_t status)
{
    (void)output;
    exit_status = status;
}

static void test_exit_port_takes_the_width_written(void **state)
{
    struct exit_output output = {remember_exit};
    struct exit_port port;
    (void)state;
    exit_port_init(&port, &output);
    exit_port_write(&port, 1, 0x12345678);
    assert_int_equal(exit_status, 0x78);
    exit_port_write(&port, 2, 0x12345678);
    assert_int_equal(exit_status, 0x5678);
    exit_port_write(&port, 4, 0x12345678);
    assert_int_equal(exit_status, 0x12345678);
    exit_port_write(&port, 99, 0xffffffff);
    assert_int_equal(exit_status, 0xffffffff);
    exit_port_write(&port, 1, 0);
    assert_int_equal(exit_status, 0);
}

static void test_debug_port(void **state)
{
    struct fake_sink sink;
    struct debug_port port;
    (void)state;
    fake_sink_init(&sink);
    debug_port_init(&port, &sink.sink);
    assert_int_equal(debug_port_read(&port), 0xe9);
    sink.room = 2;
    debug_port_write(&port, 'a');
    debug_port_write(&port, 'b');
    debug_port_write(&port, 'c');
    assert_memory_equal(sink.bytes, "ab", 2);
    assert_int_equal(sink.length, 2);
    assert_int_equal(port.lost, 1);
}

static void test_post_port(void **state)
{
    struct post_port port;
    (void)state;
    post_port_init(&port);
    assert_int_equal(post_port_read(&port), 0);
    post_port_write(&port, 0xa5);
    assert_int_equal(post_port_read(&port), 0xa5);
}

static void test_system_port(void **state)
{
    struct fake_line reset;
    struct system_port port;
    (void)state;
    fake_line_init(&reset);
    system_port_init(&port, &reset.line);
    assert_int_equal(system_port_read(&port), 0x02);
    system_port_write(&port, 0xfe);
    assert_int_equal(system_port_read(&port), 0xfe);
    assert_int_equal(reset.calls, 0);
    system_port_write(&port, 0x01);
    assert_int_equal(reset.rises, 1);
    assert_false(reset.level);
    system_port_write(&port, 0x03); // bit 0 must fall before it resets again
    assert_int_equal(reset.rises, 1);
    system_port_reset(&port);
    assert_int_equal(system_port_read(&port), 0x02);
    system_port_write(&port, 0x01);
    assert_int_equal(reset.rises, 2);
}

static void test_reset_control(void **state)
{
    struct reset_control control;
    struct fake_line reset;
    (void)state;
    fake_line_init(&reset);
    reset_control_init(&control, &reset.line);
    assert_int_equal(reset_control_read(&control), 0);
    reset_control_write(&control, 0xf2); // only says which kind of reset it will be
    assert_int_equal(reset_control_read(&control), 2);
    assert_int_equal(reset.calls, 0);
    reset_control_write(&control, 6);
    assert_int_equal(reset.rises, 1);
    assert_false(reset.level);
    assert_int_equal(reset_control_read(&control), 6);
    reset_control_write(&control, 0x0e); // bit 2 must fall before it resets again
    assert_int_equal(reset.rises, 1);
    reset_control_reset(&control);
    assert_int_equal(reset_control_read(&control), 0);
    reset_control_write(&control, RESET_CONTROL_RESET); // kind and reset in one write
    assert_int_equal(reset.rises, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exit_port_takes_the_width_written),
        cmocka_unit_test(test_debug_port),
        cmocka_unit_test(test_post_port),
        cmocka_unit_test(test_system_port),
        cmocka_unit_test(test_reset_control),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
