// SPDX-License-Identifier: MIT
// Tests of the ACPI fixed hardware by the specification: events, SCI, sleeping, the PM timer.
#include "vmm/devices/acpi_pm.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/host/fake_device.h"

#define SECOND 1000000000ULL
#define TIMER BIT(0)
#define POWER_BUTTON BIT(8)
#define SLEEP_ENABLE BIT(13)

static struct acpi_pm pm;
static struct fake_line sci;
static struct acpi_pm_output output;
static unsigned powered_off;

static void power_off(struct acpi_pm_output *to)
{
    assert_ptr_equal(to, &output);
    powered_off++;
}

static int set_up(void **state)
{
    (void)state;
    powered_off = 0;
    output.power_off = power_off;
    fake_line_init(&sci);
    acpi_pm_init(&pm, &sci.line, &output, 0);
    return 0;
}

static uint32_t read_at(unsigned offset, unsigned width, uint64_t now_ns)
{
    return acpi_pm_read(&pm, offset, width, now_ns);
}

static void write_word(unsigned offset, uint16_t value)
{
    acpi_pm_write(&pm, offset, 2, value, pm.seen_ns);
}

// ---- The timer ----

static void the_timer_counts_3_579545_mhz(void **state)
{
    (void)state;
    assert_int_equal(read_at(ACPI_PM_TIMER, 4, 0), 0);
    assert_int_equal(read_at(ACPI_PM_TIMER, 4, 280), 1); // a tick is 279.37 ns
    assert_int_equal(read_at(ACPI_PM_TIMER, 4, SECOND), ACPI_PM_TIMER_HZ);
    for (uint64_t hours = 1; hours < 100000; hours *= 3) { // over years no tick is lost
        uint64_t ticks = hours * 3600 * ACPI_PM_TIMER_HZ;
        assert_int_equal(read_at(ACPI_PM_TIMER, 4, hours * 3600 * SECOND), (uint32_t)ticks);
        assert_int_equal(read_at(ACPI_PM_TIMER, 4, hours * 3600 * SECOND - 1), (uint32_t)ticks);
    }
}

static void the_timer_is_one_value_however_it_is_read(void **state)
{
    uint64_t now_ns = 1234567 * SECOND;
    uint32_t value = read_at(ACPI_PM_TIMER, 4, now_ns);
    (void)state;
    assert_int_equal(read_at(ACPI_PM_TIMER, 2, now_ns), value & 0xffff);
    assert_int_equal(read_at(ACPI_PM_TIMER + 2, 2, now_ns), value >> 16);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(read_at(ACPI_PM_TIMER + i, 1, now_ns), value >> 8 * i & 0xff);
    }
    // The bytes behind the timer read 0.
    assert_int_equal(read_at(ACPI_PM_TIMER + 2, 4, now_ns), value >> 16);
    // If the time goes back, the timer stands still.
    assert_int_equal(read_at(ACPI_PM_TIMER, 4, now_ns - SECOND), value);
    acpi_pm_write(&pm, ACPI_PM_TIMER, 4, 0, now_ns);
    assert_int_equal(read_at(ACPI_PM_TIMER, 4, now_ns), value);
}

static void its_highest_bit_interrupts_when_it_changes(void **state)
{
    uint64_t half_ns = (BIT(31) * SECOND + ACPI_PM_TIMER_HZ - 1) / ACPI_PM_TIMER_HZ;
    (void)state;
    assert_int_equal(acpi_pm_next_event_ns(&pm, 0), NEVER_NS);
    write_word(ACPI_PM1_ENABLE, TIMER);
    assert_int_equal(acpi_pm_next_event_ns(&pm, 0), half_ns);
    assert_int_equal(acpi_pm_next_event_ns(&pm, half_ns + 5), half_ns + 5); // due now
    acpi_pm_advance(&pm, half_ns - 1);
    assert_false(sci.level);
    assert_int_equal(read_at(ACPI_PM1_STATUS, 2, half_ns - 1), 0);
    acpi_pm_advance(&pm, half_ns);
    assert_true(sci.level);
    assert_int_equal(read_at(ACPI_PM1_STATUS, 2, half_ns), TIMER);
    assert_int_equal(read_at(ACPI_PM_TIMER, 4, half_ns), BIT(31));
    assert_int_equal(acpi_pm_next_event_ns(&pm, half_ns), NEVER_NS); // the event has happened
    write_word(ACPI_PM1_STATUS, TIMER);
    assert_false(sci.level);
    uint64_t next_ns = acpi_pm_next_event_ns(&pm, half_ns);
    assert_in_range(next_ns, 2 * half_ns - 2, 2 * half_ns); // the highest bit falls
    acpi_pm_advance(&pm, next_ns);
    assert_true(sci.level);
    assert_int_equal(read_at(ACPI_PM_TIMER, 4, next_ns), 0);
    assert_int_equal(sci.rises, 2);
}

static void its_status_is_set_though_nobody_is_told(void **state)
{
    (void)state;
    assert_int_equal(read_at(ACPI_PM1_STATUS, 2, 700 * SECOND), TIMER);
    assert_int_equal(sci.calls, 0);
    write_word(ACPI_PM1_ENABLE, TIMER);
    assert_true(sci.level);
}

static void periods_that_nobody_saw_are_one_event(void **state)
{
    (void)state;
    write_word(ACPI_PM1_ENABLE, TIMER);
    acpi_pm_advance(&pm, 1000000 * SECOND);
    assert_int_equal(sci.rises, 1);
    write_word(ACPI_PM1_STATUS, TIMER);
    assert_false(sci.level);
}

// ---- Events ----

static void the_power_button_is_a_level_until_it_is_acknowledged(void **state)
{
    (void)state;
    assert_false(acpi_pm_hears_power_button(&pm));
    write_word(ACPI_PM1_ENABLE, POWER_BUTTON);
    assert_true(acpi_pm_hears_power_button(&pm));
    acpi_pm_press_power_button(&pm);
    acpi_pm_press_power_button(&pm);
    assert_true(sci.level);
    assert_int_equal(sci.calls, 1);
    write_word(ACPI_PM1_STATUS, TIMER); // clears another event
    assert_true(sci.level);
    assert_int_equal(read_at(ACPI_PM1_STATUS, 2, 0), POWER_BUTTON);
    write_word(ACPI_PM1_STATUS, POWER_BUTTON);
    assert_false(sci.level);
    assert_int_equal(read_at(ACPI_PM1_STATUS, 2, 0), 0);
}

static void a_masked_event_waits(void **state)
{
    (void)state;
    acpi_pm_press_power_button(&pm);
    assert_int_equal(sci.calls, 0);
    write_word(ACPI_PM1_ENABLE, POWER_BUTTON);
    assert_true(sci.level);
    write_word(ACPI_PM1_ENABLE, 0);
    assert_false(sci.level);
}

static void bytes_clear_and_enable_their_own_half(void **state)
{
    (void)state;
    acpi_pm_write(&pm, ACPI_PM1_ENABLE, 1, 0xff, 0);
    acpi_pm_write(&pm, ACPI_PM1_ENABLE + 1, 1, 0xff, 0);
    // Only the bits of events that exist stay.
    assert_int_equal(read_at(ACPI_PM1_ENABLE, 2, 0), 0x721);
    acpi_pm_press_power_button(&pm);
    acpi_pm_write(&pm, ACPI_PM1_STATUS, 1, 0xff, 0);
    assert_int_equal(read_at(ACPI_PM1_STATUS + 1, 1, 0), POWER_BUTTON >> 8);
    acpi_pm_write(&pm, ACPI_PM1_STATUS + 1, 1, 0xff, 0);
    assert_int_equal(read_at(ACPI_PM1_STATUS, 2, 0), 0);
}

static void a_double_word_is_status_and_enable(void **state)
{
    (void)state;
    acpi_pm_press_power_button(&pm);
    acpi_pm_write(&pm, ACPI_PM1_STATUS, 4, (uint32_t)POWER_BUTTON << 16 | TIMER, 0);
    assert_int_equal(read_at(ACPI_PM1_STATUS, 4, 0), POWER_BUTTON << 16 | POWER_BUTTON);
    assert_true(sci.level);
}

// ---- Control ----

static void acpi_mode_is_on_and_stays_on(void **state)
{
    (void)state;
    assert_int_equal(read_at(ACPI_PM1_CONTROL, 2, 0), 1);
    write_word(ACPI_PM1_CONTROL, 0);
    assert_int_equal(read_at(ACPI_PM1_CONTROL, 2, 0), 1);
    write_word(ACPI_PM1_CONTROL, 0xffff & ~SLEEP_ENABLE);
    assert_int_equal(read_at(ACPI_PM1_CONTROL, 2, 0), 0x1c03); // sleep type and BM_RLD stay
    assert_int_equal(read_at(ACPI_PM1_CONTROL, 4, 0), 0x1c03);
    assert_int_equal(powered_off, 0);
}

static void s5_switches_off(void **state)
{
    (void)state;
    // The type first, as operating systems do it.
    write_word(ACPI_PM1_CONTROL, ACPI_PM_SLEEP_TYPE_S5 << 10);
    assert_int_equal(powered_off, 0);
    write_word(ACPI_PM1_CONTROL, SLEEP_ENABLE | ACPI_PM_SLEEP_TYPE_S5 << 10);
    assert_int_equal(powered_off, 1);
    assert_int_equal(read_at(ACPI_PM1_CONTROL, 2, 0) & SLEEP_ENABLE, 0);
    // One byte has the type and the enable bit.
    acpi_pm_write(&pm, ACPI_PM1_CONTROL + 1, 1, 0x34, 0);
    assert_int_equal(powered_off, 2);
}

static void other_sleep_types_do_nothing(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 8; type++) {
        write_word(ACPI_PM1_CONTROL, (uint16_t)(SLEEP_ENABLE | type << 10));
        assert_int_equal(powered_off, type >= ACPI_PM_SLEEP_TYPE_S5);
    }
    assert_int_equal(read_at(ACPI_PM1_STATUS, 2, 0), 0);
}

static void a_reset_forgets_all_but_the_time(void **state)
{
    (void)state;
    write_word(ACPI_PM1_ENABLE, POWER_BUTTON);
    write_word(ACPI_PM1_CONTROL, 0x1c02);
    acpi_pm_press_power_button(&pm);
    acpi_pm_reset(&pm);
    assert_false(sci.level);
    assert_int_equal(read_at(ACPI_PM1_STATUS, 4, 0), 0);
    assert_int_equal(read_at(ACPI_PM1_CONTROL, 2, 0), 1);
    assert_int_equal(read_at(ACPI_PM_TIMER, 4, SECOND), ACPI_PM_TIMER_HZ);
}

// Every offset and width is defined.
static void no_access_does_harm(void **state)
{
    (void)state;
    for (unsigned offset = 0; offset < ACPI_PM_PORTS; offset++) {
        for (unsigned width = 1; width <= 4; width *= 2) {
            acpi_pm_write(&pm, offset, width, 0, offset);
            (void)read_at(offset, width, offset);
        }
    }
    assert_int_equal(read_at(ACPI_PM1_STATUS, 4, 11), 0);
    assert_int_equal(read_at(6, 2, 11), 0);
    assert_int_equal(powered_off, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_timer_counts_3_579545_mhz, set_up),
        cmocka_unit_test_setup(the_timer_is_one_value_however_it_is_read, set_up),
        cmocka_unit_test_setup(its_highest_bit_interrupts_when_it_changes, set_up),
        cmocka_unit_test_setup(its_status_is_set_though_nobody_is_told, set_up),
        cmocka_unit_test_setup(periods_that_nobody_saw_are_one_event, set_up),
        cmocka_unit_test_setup(the_power_button_is_a_level_until_it_is_acknowledged, set_up),
        cmocka_unit_test_setup(a_masked_event_waits, set_up),
        cmocka_unit_test_setup(bytes_clear_and_enable_their_own_half, set_up),
        cmocka_unit_test_setup(a_double_word_is_status_and_enable, set_up),
        cmocka_unit_test_setup(acpi_mode_is_on_and_stays_on, set_up),
        cmocka_unit_test_setup(s5_switches_off, set_up),
        cmocka_unit_test_setup(other_sleep_types_do_nothing, set_up),
        cmocka_unit_test_setup(a_reset_forgets_all_but_the_time, set_up),
        cmocka_unit_test_setup(no_access_does_harm, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
