// SPDX-License-Identifier: MIT
// Tests of the way from a guest's UART to the console: a guest that sends more than fits waits,
// nothing of its output is lost, and no timer runs meanwhile.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/host/fake_host.h"
#include "tests/host/fake_machine.h"
#include "tests/host/fake_output.h"
#include "tests/host/monitor/monitor_fixture.h"
#include "vmm/board/pc.h"
#include "vmm/devices/device.h"
#include "vmm/devices/uart.h"
#include "vmm/monitor/monitor.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vm/scheduler_look.h"
#include "vmm/vm/terminal.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_life.h"

#define COM1 0x3f8
#define FCR (COM1 + 2)
#define HOME_CPU 1                                    // of `ticker`
#define ALL (TERMINAL_OUTPUT_BYTES + UART_FIFO_BYTES) // what fills the terminal and the UART
#define NUMBER(i) ((uint8_t)((i) % 251))              // a byte that tells its place

static struct vm *vm;

static int set_up(void **state)
{
    fixture_set_up(state);
    vm = fixture.ticker;
    return 0;
}

// The guest switches its FIFO on, sends as much as fits and halts.
static void send_all(void)
{
    pc_port_write(vm->pc, FCR, 1, 1);
    for (unsigned i = 0; i < ALL; i++) {
        pc_port_write(vm->pc, COM1, 1, NUMBER(i));
    }
    assert_int_equal(vm->terminal.output_head - vm->terminal.output_tail, TERMINAL_OUTPUT_BYTES);
    assert_int_equal(vm->pc->uart.transmit.count, UART_FIFO_BYTES);
    vm->vcpus[0]->halted = true;
}

// One turn of the VM's CPU: no guest runs, and nothing is to be done at a later time.
static void step_idly(void)
{
    uint64_t wake_ns = 0;
    assert_false(fake_machine_step(HOME_CPU, &wake_ns));
    assert_int_equal(wake_ns, NEVER_NS);
}

static bool home_is_wanted(void)
{
    return fake_host.kicks[HOME_CPU] > 0 || scheduler_has_mail(&fake_machine.schedulers[HOME_CPU]);
}

// Turns of the monitor until it has nothing to do; the VM's CPU takes one whenever it is kicked.
static void show_all(void)
{
    for (bool more = true; more;) {
        fake_host.kicks[HOME_CPU] = 0;
        more = monitor_poll(&fixture.monitor) == 0;
        if (home_is_wanted()) {
            step_idly();
            more = true;
        }
    }
}

// The history from `at` on is what send_all sent, `count` bytes of it.
static void assert_shown(uint64_t at, unsigned count)
{
    assert_int_equal(vm->terminal.history_length, at + count);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal((uint8_t)terminal_history_at(&vm->terminal, at + i), NUMBER(i));
    }
}

static void all_arrives_without_a_timer(void **state)
{
    (void)state;
    uint64_t now_ns = fake_host.now_ns;
    send_all();
    step_idly();
    show_all();
    assert_shown(0, ALL);
    assert_false(uart_output_waiting(&vm->pc->uart));
    assert_int_equal(fake_host.now_ns, now_ns);
}

// A console that takes little at a time, as a slow line does.
static void a_slow_console_holds_the_guest_and_loses_nothing(void **state)
{
    (void)state;
    unsigned turns = 0;
    send_all();
    while (vm->terminal.history_length < ALL) {
        fixture.serial.room_left = 10;
        fake_host.kicks[HOME_CPU] = 0;
        monitor_poll(&fixture.monitor);
        if (home_is_wanted()) {
            step_idly();
        }
        assert_true(++turns < ALL);
    }
    assert_true(turns > ALL / 100); // it was slow
    assert_shown(0, ALL);
}

// The wake-up comes while the VM cannot run: it looks at its terminal when it goes on.
static void a_pause_meanwhile_loses_nothing(void **state)
{
    (void)state;
    struct reason why = {""};
    send_all();
    assert_int_equal(vm_pause(vm, &why), STATUS_OK);
    show_all();
    assert_shown(0, TERMINAL_OUTPUT_BYTES);
    assert_true(uart_output_waiting(&vm->pc->uart));
    fake_host.kicks[HOME_CPU] = 0;
    assert_int_equal(vm_resume(vm, &why), STATUS_OK);
    assert_true(home_is_wanted());
    step_idly();
    show_all();
    assert_shown(0, ALL);
}

// A reset empties the UART as on any PC. What the terminal has got stays, and the next life sends.
static void a_reset_meanwhile_leaves_nothing_stuck(void **state)
{
    (void)state;
    struct reason why = {""};
    send_all();
    assert_int_equal(fake_machine_vm_reset(vm, &why), STATUS_OK);
    vm->vcpus[0]->halted = true;
    show_all();
    assert_shown(0, TERMINAL_OUTPUT_BYTES);
    send_all();
    show_all();
    assert_shown(TERMINAL_OUTPUT_BYTES, ALL);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_arrives_without_a_timer),
        TEST(a_slow_console_holds_the_guest_and_loses_nothing),
        TEST(a_pause_meanwhile_loses_nothing),
        TEST(a_reset_meanwhile_leaves_nothing_stuck),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
