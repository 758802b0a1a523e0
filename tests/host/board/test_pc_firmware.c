// SPDX-License-Identifier: MIT
// Tests of the chips as a PC's firmware leaves them.
#include "vmm/board/pc_firmware.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "vmm/address.h"
#include "vmm/board/pc.h"
#include "vmm/board/pc_memory.h"
#include "vmm/board/pc_output.h"
#include "vmm/board/pc_time.h"
#include "vmm/devices/ioapic.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/types.h"

#define TICK_NS 54925416 // 65536 / 1193182 s, rounded up

static struct pc pc;
static uint64_t time_ns;
static bool intr;

static uint64_t now_ns(struct pc_output *output)
{
    (void)output;
    return time_ns;
}

static void timer_set(struct pc_output *output, uint64_t due_ns)
{
    (void)output;
    (void)due_ns;
}

static void lint0(struct pc_output *output, bool level)
{
    (void)output;
    intr = level;
}

static int take_byte(struct pc_output *output)
{
    (void)output;
    return -1;
}

static struct pc_output output = {
    .now_ns = now_ns, .timer_set = timer_set, .lint0 = lint0, .take_byte = take_byte};

static int set_up(void **state)
{
    static const struct guest_memory none;
    (void)state;
    time_ns = NS_PER_S;
    intr = false;
    pc_init(&pc, &output, 0, &none);
    pc_firmware_program(&pc, 4);
    return 0;
}

static uint8_t in(uint16_t port)
{
    return (uint8_t)pc_port_read(&pc, port, 1);
}

static void the_timer_ticks_at_vector_8(void **state)
{
    (void)state;
    assert_false(intr);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t due_ns = pc_next_event_ns(&pc, time_ns, false);
        assert_in_range(due_ns, time_ns + TICK_NS - 2000, time_ns + TICK_NS + 2000);
        time_ns = due_ns;
        pc_advance(&pc, time_ns);
        assert_true(intr);
        assert_int_equal(pc_acknowledge_interrupt(&pc), 8);
        pc_port_write(&pc, 0x20, 1, 0x20);
        assert_false(intr);
    }
}

static void a_masked_timer_is_never_due(void **state)
{
    (void)state;
    pc_port_write(&pc, 0x21, 1, 0xff);
    assert_int_equal(pc_next_event_ns(&pc, time_ns, false), NEVER_NS);
}

// As software does that measures time by the counter that the firmware left running.
static void the_counter_runs(void **state)
{
    (void)state;
    unsigned first = in(0x40);
    first |= (unsigned)in(0x40) << 8;
    time_ns += 10 * NS_PER_US;
    unsigned later = in(0x40);
    later |= (unsigned)in(0x40) << 8;
    assert_in_range((uint16_t)(first - later), 20, 24); // the square wave's mode counts by two
}

static void the_chips_are_programmed(void **state)
{
    (void)state;
    assert_int_equal(in(0x21), 0xf8);
    assert_int_equal(in(0xa1), 0xff);
    assert_int_equal(in(0x4d0), 0);
    assert_int_equal(in(0x4d1), 0x0e);
}

static void the_io_apic_has_an_id_of_its_own(void **state)
{
    uint64_t value;
    (void)state;
    assert_true(pc_memory_write(&pc, gpa(IOAPIC_DEFAULT_BASE), 4, 0));
    assert_true(pc_memory_read(&pc, gpa(IOAPIC_DEFAULT_BASE + 0x10), 4, &value));
    assert_int_equal(value, 4 << 24); // as in the MADT and the MP table for four vCPUs
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_timer_ticks_at_vector_8, set_up),
        cmocka_unit_test_setup(a_masked_timer_is_never_due, set_up),
        cmocka_unit_test_setup(the_counter_runs, set_up),
        cmocka_unit_test_setup(the_chips_are_programmed, set_up),
        cmocka_unit_test_setup(the_io_apic_has_an_id_of_its_own, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
