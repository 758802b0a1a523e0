// SPDX-License-Identifier: MIT
// Tests of how fast what is typed reaches a guest, and of when the guest is woken for it.
#include "vmm/board/pc_serial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "vmm/address.h"
#include "vmm/board/pc.h"
#include "vmm/board/pc_memory.h"
#include "vmm/board/pc_output.h"
#include "vmm/board/pc_time.h"
#include "vmm/devices/apic_message.h"
#include "vmm/devices/ioapic.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/types.h"

enum { DATA = 0x3f8, IER, FCR, LCR, MCR, LSR };
enum { DATA_READY = 1, FIFO_14 = 0xc7, FIFO_8 = 0x87 };

#define CHARACTER_NS 86805ULL // 115200 baud, 8N1

static struct pc pc;
static uint64_t time_ns;
static uint64_t told_ns; // the earliest time that the board asked for
static unsigned interrupts;
static unsigned typed;
static unsigned taken;
static unsigned read;

static uint64_t now_ns(struct pc_output *output)
{
    (void)output;
    return time_ns;
}

static void timer_set(struct pc_output *output, uint64_t due_ns)
{
    (void)output;
    told_ns = MIN(told_ns, due_ns);
}

static void lint0(struct pc_output *output, bool level)
{
    (void)output;
    interrupts += level;
}

static void apic_message(struct pc_output *output, const struct apic_message *message)
{
    (void)output;
    (void)message;
    interrupts++;
}

// Bytes of a known order, so that one that is lost shows.
static int take_byte(struct pc_output *output)
{
    (void)output;
    return taken < typed ? (uint8_t)taken++ : -1;
}

static struct pc_output output = {.now_ns = now_ns,
                                  .timer_set = timer_set,
                                  .lint0 = lint0,
                                  .apic_message = apic_message,
                                  .take_byte = take_byte};

static void out(uint16_t port, uint8_t value)
{
    pc_port_write(&pc, port, 1, value);
}

static uint8_t in(uint16_t port)
{
    return (uint8_t)pc_port_read(&pc, port, 1);
}

static uint64_t next(void)
{
    return pc_next_event_ns(&pc, time_ns, false);
}

// 115200 baud, 8N1, an interrupt for what comes in, and MCR 0.
static int set_up(void **state)
{
    static const struct guest_memory none;
    (void)state;
    time_ns = NS_PER_S;
    told_ns = NEVER_NS;
    interrupts = typed = taken = read = 0;
    pc_init(&pc, &output, 0, &none);
    out(0x20, 0x11);
    out(0x21, 0x20);
    out(0x21, 4);
    out(0x21, 1);
    out(0x21, 0xef);
    out(LCR, 0x83);
    out(DATA, 1);
    out(IER, 0);
    out(LCR, 0x03);
    out(IER, 1);
    return 0;
}

// The other end has typed so many bytes more, and tells the board.
static void type(unsigned count)
{
    typed += count;
    pc_advance(&pc, time_ns);
}

// Reads all that is there; returns how many bytes that were. None may be missing before them.
static unsigned read_all(void)
{
    unsigned first = read;
    while (in(LSR)&DATA_READY) {
        assert_int_equal(in(DATA), (uint8_t)read);
        read++;
    }
    return read - first;
}

// As an idle guest does: waits for the interrupt, takes it, reads.
static unsigned wake_and_read(void)
{
    uint64_t due_ns = next();
    assert_int_not_equal(due_ns, NEVER_NS);
    time_ns = due_ns;
    pc_advance(&pc, time_ns);
    assert_int_equal(pc_acknowledge_interrupt(&pc), 0x24);
    unsigned count = read_all();
    out(0x20, 0x20);
    return count;
}

static void without_fifos_each_byte_comes_alone(void **state)
{
    (void)state;
    type(20);
    assert_int_equal(pc_acknowledge_interrupt(&pc), 0x24);
    assert_int_equal(read_all(), 1);
    out(0x20, 0x20);
    for (unsigned i = 1; i < 20; i++) {
        uint64_t before_ns = time_ns;
        assert_int_equal(wake_and_read(), 1);
        assert_int_equal(time_ns - before_ns, CHARACTER_NS);
    }
    assert_int_equal(next(), NEVER_NS);
    assert_int_equal(interrupts, 20);
}

static void with_fifos_a_batch_comes_and_a_pause(void **state)
{
    (void)state;
    out(FCR, FIFO_14);
    type(30);
    assert_int_equal(pc_acknowledge_interrupt(&pc), 0x24);
    assert_int_equal(read_all(), 14);
    out(0x20, 0x20);
    assert_int_equal(told_ns, time_ns + 14 * CHARACTER_NS);
    assert_int_equal(wake_and_read(), 14);
    assert_int_equal(time_ns, NS_PER_S + 14 * CHARACTER_NS);
    assert_int_equal(wake_and_read(), 2);
    assert_int_equal(next(), NEVER_NS);
    assert_int_equal(interrupts, 3);
}

static void a_single_key_comes_at_once(void **state)
{
    (void)state;
    out(FCR, FIFO_8);
    type(1);
    assert_int_equal(interrupts, 1);
    assert_int_equal(pc_acknowledge_interrupt(&pc), 0x24);
    assert_int_equal(read_all(), 1);
    out(0x20, 0x20);
    assert_int_equal(next(), NEVER_NS);
    time_ns += CHARACTER_NS - 1;
    type(1);
    assert_int_equal(interrupts, 1); // the line is still busy
    assert_int_equal(wake_and_read(), 1);
    assert_int_equal(time_ns, NS_PER_S + CHARACTER_NS);
}

static void the_rate_is_that_of_the_divisor(void **state)
{
    (void)state;
    out(LCR, 0x83);
    out(DATA, 12);
    out(LCR, 0x03);
    type(2);
    assert_int_equal(pc_acknowledge_interrupt(&pc), 0x24);
    assert_int_equal(read_all(), 1);
    assert_int_equal(next(), time_ns + 1041666);
}

static void what_is_unread_needs_no_timer(void **state)
{
    (void)state;
    type(2);
    assert_int_equal(next(), NEVER_NS); // the line interrupts already
    time_ns += NS_PER_S;
    assert_int_equal(next(), NEVER_NS);
    assert_int_equal(read_all(), 1);
    assert_int_equal(next(), time_ns + CHARACTER_NS); // from when the guest has read it
}

static void a_guest_that_polls_needs_no_timer(void **state)
{
    (void)state;
    out(IER, 0);
    type(2);
    assert_int_equal(read_all(), 1);
    assert_int_equal(next(), NEVER_NS);
    time_ns += CHARACTER_NS;
    assert_int_equal(read_all(), 1);
    out(IER, 1);
    assert_int_equal(interrupts, 0);
}

static void the_interrupt_may_be_enabled_later(void **state)
{
    (void)state;
    out(IER, 0);
    type(2);
    assert_int_equal(read_all(), 1);
    told_ns = NEVER_NS;
    out(IER, 1);
    assert_int_equal(told_ns, time_ns + CHARACTER_NS);
    assert_int_equal(wake_and_read(), 1);
}

static void a_masked_line_is_never_due(void **state)
{
    (void)state;
    out(0x21, 0xff);
    type(3);
    assert_int_equal(read_all(), 1);
    assert_int_equal(next(), NEVER_NS);
    time_ns += NS_PER_S;
    out(0x21, 0xef); // the byte has come meanwhile
    assert_int_equal(told_ns, time_ns);
    assert_int_equal(pc_acknowledge_interrupt(&pc), 0x24);
    assert_int_equal(read_all(), 1);
    out(0x21, 0xff);
    assert_int_equal(next(), NEVER_NS);
    assert_true(pc_memory_write(&pc, gpa(IOAPIC_DEFAULT_BASE), 4, 0x10 + 2 * IRQ_UART));
    assert_true(pc_memory_write(&pc, gpa(IOAPIC_DEFAULT_BASE + 0x10), 4, 0x54));
    assert_int_equal(next(), time_ns + CHARACTER_NS); // the I/O APIC hears it
}

static void in_loopback_nothing_comes(void **state)
{
    (void)state;
    type(2);
    assert_int_equal(read_all(), 1);
    out(MCR, 0x10);
    assert_int_equal(next(), NEVER_NS);
    time_ns += NS_PER_S;
    assert_int_equal(read_all(), 0);
    out(MCR, 0);
    assert_int_equal(read_all(), 1);
}

// A guest whose ring has 16 places, which it empties only while it is idle.
static void a_small_ring_is_not_overrun(void **state)
{
    (void)state;
    out(FCR, FIFO_14);
    type(900);
    assert_int_equal(pc_acknowledge_interrupt(&pc), 0x24);
    read_all();
    out(0x20, 0x20);
    while (read < 900) {
        assert_in_range(wake_and_read(), 1, 15);
    }
    assert_int_equal(next(), NEVER_NS);
    assert_in_range(time_ns, NS_PER_S + 886 * CHARACTER_NS, NS_PER_S + 900 * CHARACTER_NS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_fifos_each_byte_comes_alone, set_up),
        cmocka_unit_test_setup(with_fifos_a_batch_comes_and_a_pause, set_up),
        cmocka_unit_test_setup(a_single_key_comes_at_once, set_up),
        cmocka_unit_test_setup(the_rate_is_that_of_the_divisor, set_up),
        cmocka_unit_test_setup(what_is_unread_needs_no_timer, set_up),
        cmocka_unit_test_setup(a_guest_that_polls_needs_no_timer, set_up),
        cmocka_unit_test_setup(the_interrupt_may_be_enabled_later, set_up),
        cmocka_unit_test_setup(a_masked_line_is_never_due, set_up),
        cmocka_unit_test_setup(in_loopback_nothing_comes, set_up),
        cmocka_unit_test_setup(a_small_ring_is_not_overrun, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
