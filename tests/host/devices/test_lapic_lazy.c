// SPDX-License-Identifier: MIT
// Compares a local APIC that is advanced when it says so with one that is advanced at each expiry:
// no access of a guest can tell them apart, and both wake a CPU at the same time.
#include "vmm/devices/lapic.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "vmm/devices/lapic_mode.h"
#include "vmm/devices/lapic_registers.h"
#include "vmm/devices/lapic_timer.h"
#include "vmm/util/types.h"

#define RUNS 300
#define STEPS 300

static struct lapic lazy;
static struct lapic eager;
static uint64_t now;
static uint64_t state_of_chance;
static unsigned interrupts; // expiries that `lazy` was advanced for
static unsigned expiries;

static uint64_t chance(uint64_t end)
{
    state_of_chance = state_of_chance * 6364136223846793005U + 1442695040888963407U;
    return (state_of_chance >> 33) % end;
}

static void ignore(struct lapic_output *output)
{
    (void)output;
}

static void ignore_vector(struct lapic_output *output, uint8_t vector)
{
    (void)output;
    (void)vector;
}

static struct lapic_output output = {.eoi = ignore_vector, .nmi = ignore, .init = ignore};

// ---- Time ----

static void expire(void)
{
    now = eager.timer_due_ns;
    lapic_advance(&eager, now);
    expiries++;
}

static void run_to(uint64_t end_ns)
{
    while (eager.timer_due_ns <= end_ns) {
        expire();
    }
    while (lapic_next_event_ns(&lazy) <= end_ns) {
        lapic_advance(&lazy, lapic_next_event_ns(&lazy));
        interrupts++;
    }
    now = end_ns;
}

// A CPU without an interrupt sleeps until there is one.
static void sleep_to(uint64_t end_ns)
{
    uint64_t wakes_ns = lapic_wake_event_ns(&lazy);
    while (lapic_pending(&eager) < 0 && eager.timer_due_ns <= end_ns) {
        expire();
    }
    if (lapic_pending(&eager) < 0) {
        now = end_ns;
        assert_true(wakes_ns > end_ns);
    } else {
        assert_true(wakes_ns == now);
        interrupts++;
    }
    lapic_advance(&lazy, now);
}

// ---- Accesses ----

static void write(unsigned reg, uint32_t value)
{
    if (chance(2) && reg != LAPIC_EOI && lapic_mode(&lazy) == LAPIC_XAPIC) {
        uint32_t old = lazy.page.reg[reg].value;
        lazy.page.reg[reg].value = value; // as a processor that serves the page does
        lapic_written(&lazy, reg, now);
        if (reg != LAPIC_TPR) {
            lazy.page.reg[reg].value = old;
        }
        assert_true(lapic_write(&eager, reg, value, now));
        return;
    }
    assert_int_equal(lapic_write(&lazy, reg, value, now), lapic_write(&eager, reg, value, now));
}

static void read(unsigned reg)
{
    uint64_t values[2];
    assert_int_equal(lapic_read(&lazy, reg, now, &values[0]),
                     lapic_read(&eager, reg, now, &values[1]));
    assert_true(values[0] == values[1]);
}

// Two vectors, one of them illegal, so that they meet often.
static uint32_t entry(void)
{
    uint32_t vector = chance(4) == 0 ? 5 : 0x40 + 0x20 * (uint32_t)chance(2);
    return vector | (uint32_t)chance(2) << 16 | (uint32_t)chance(4) << 17;
}

static void write_some(void)
{
    switch (chance(9)) {
    case 0:
    case 1:
        write(LAPIC_LVT_TIMER, entry());
        break;
    case 2:
        write(LAPIC_INITIAL_COUNT, (uint32_t)chance(1U << chance(8)));
        break;
    case 3:
        write(LAPIC_DIVIDE, (uint32_t)chance(2) << 3 | (uint32_t)chance(4));
        break;
    case 4:
        write(LAPIC_SVR, chance(4) == 0 ? 0xff : 0x1ff);
        break;
    case 5:
        write(LAPIC_LVT_ERROR, entry() & 0x100ff);
        break;
    case 6:
        write(LAPIC_ESR, 0);
        break;
    case 7:
        write(LAPIC_TPR, (uint32_t)chance(8) << 4);
        break;
    default:
        write(LAPIC_EOI, 0);
        break;
    }
}

static void read_some(void)
{
    static const uint8_t registers[] = {
        LAPIC_CURRENT_COUNT, LAPIC_CURRENT_COUNT, LAPIC_INITIAL_COUNT, LAPIC_LVT_TIMER,
        LAPIC_LVT_ERROR,     LAPIC_ESR,           LAPIC_PPR,           LAPIC_SVR};
    read(registers[chance(ARRAY_SIZE(registers))]);
}

static void set_deadline(void)
{
    uint64_t due_ns = now + chance(300);
    uint64_t deadline = chance(5) == 0 ? 0 : due_ns + 1;
    lapic_set_tsc_deadline(&lazy, deadline, due_ns);
    lapic_set_tsc_deadline(&eager, deadline, due_ns);
}

static void take_interrupt(void)
{
    int vector = lapic_pending(&lazy);
    assert_int_equal(vector, lapic_pending(&eager));
    if (vector >= 0) {
        lapic_accept(&lazy, (unsigned)vector);
        lapic_accept(&eager, (unsigned)vector);
    }
}

// From one mode to the next, as far as that is possible, or an INIT.
static void change_mode(void)
{
    static const uint64_t bases[] = {0xfee00000, 0xfee00800, 0xfee00c00};
    uint64_t base = bases[chance(ARRAY_SIZE(bases))];
    if (chance(2)) {
        lapic_init_received(&lazy);
        lapic_init_received(&eager);
    } else {
        assert_int_equal(lapic_set_base(&lazy, base), lapic_set_base(&eager, base));
    }
    write(LAPIC_SVR, 0x1ff);
    write(LAPIC_DIVIDE, 0xb);
}

static void step(void)
{
    switch (chance(12)) {
    case 0:
    case 1:
        run_to(now + chance(400));
        break;
    case 2:
        if (lapic_pending(&lazy) < 0) {
            sleep_to(now + chance(400));
        }
        break;
    case 3:
    case 4:
        read_some();
        break;
    case 5:
        set_deadline();
        break;
    case 6:
        assert_true(lapic_tsc_deadline(&lazy, now) == lapic_tsc_deadline(&eager, now));
        break;
    case 7:
        take_interrupt();
        break;
    case 8:
        if (chance(10) == 0) {
            change_mode();
        }
        break;
    default:
        write_some();
        break;
    }
}

static void check_equal(void)
{
    assert_int_equal(lapic_pending(&lazy), lapic_pending(&eager));
    for (unsigned i = 0; i < 8; i++) {
        for (enum lapic_set set = 0; set < LAPIC_SETS; set++) {
            assert_int_equal(lapic_word(&lazy, set, i), lapic_word(&eager, set, i));
        }
    }
}

static void nobody_can_tell_them_apart(void **state)
{
    (void)state;
    for (unsigned run = 0; run < RUNS; run++) {
        state_of_chance = run;
        now = chance(1000);
        lapic_init(&lazy, &output, 0, true, 40);
        lapic_init(&eager, &output, 0, true, 40);
        write(LAPIC_SVR, 0x1ff);
        write(LAPIC_DIVIDE, 0xb);
        for (unsigned i = 0; i < STEPS; i++) {
            step();
            check_equal();
        }
    }
    assert_true(interrupts < expiries / 2); // otherwise nothing was put off
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_can_tell_them_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
