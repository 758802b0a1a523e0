// SPDX-License-Identifier: MIT
// Tests of when the timers of a PC are due. Those that nobody hears are never due: the random test
// compares such a PC with one that is advanced at each event of any timer.
#include "vmm/board/pc_time.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "vmm/board/pc.h"
#include "vmm/board/pc_memory.h"
#include "vmm/board/pc_output.h"
#include "vmm/devices/apic_message.h"
#include "vmm/devices/hpet.h"
#include "vmm/devices/ioapic.h"
#include "vmm/devices/pic.h"
#include "vmm/devices/pit.h"
#include "vmm/devices/rtc_interrupts.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/types.h"

#define US 1000ULL
#define MS (1000 * US)
#define RUNS 200
#define STEPS 400
#define LOG_LINES 65536
#define LINT0_LINE 0x1000 // in a log: the level of LINT0, not a vector

struct line {
    uint64_t at_ns;
    unsigned what;
};

struct machine {
    struct pc pc;
    struct pc_output output;
    uint64_t now_ns;
    uint64_t due_ns; // when it must be advanced next
    bool told;       // that a timer may be due earlier
    unsigned events; // in the course of time
    unsigned lines;
    struct line log[LOG_LINES];
};

static struct machine lazy;
static struct machine eager;
static bool waits; // the first vCPU does not run

static void note(struct machine *machine, unsigned what)
{
    assert_true(machine->lines < LOG_LINES);
    machine->log[machine->lines++] = (struct line){machine->now_ns, what};
}

static uint64_t now_ns(struct pc_output *output)
{
    return container_of(output, struct machine, output)->now_ns;
}

static void timer_set(struct pc_output *output, uint64_t due_ns)
{
    struct machine *machine = container_of(output, struct machine, output);
    machine->told = true;
    machine->due_ns = MIN(machine->due_ns, due_ns);
}

static void lint0(struct pc_output *output, bool level)
{
    note(container_of(output, struct machine, output), LINT0_LINE | level);
}

static void apic_message(struct pc_output *output, const struct apic_message *message)
{
    note(container_of(output, struct machine, output), message->vector);
}

static int take_byte(struct pc_output *output)
{
    (void)output;
    return -1;
}

static void power_up(struct machine *machine)
{
    static const struct guest_memory memory;
    *machine = (struct machine){.output = {.now_ns = now_ns,
                                           .timer_set = timer_set,
                                           .lint0 = lint0,
                                           .apic_message = apic_message,
                                           .take_byte = take_byte},
                                .due_ns = NEVER_NS};
    pc_init(&machine->pc, &machine->output, 1700000000, &memory);
}

static void out_at(struct machine *machine, uint16_t port, uint8_t value)
{
    pc_port_write(&machine->pc, port, 1, value);
}

static void store_at(struct machine *machine, uint64_t address, unsigned width, uint64_t value)
{
    assert_true(pc_memory_write(&machine->pc, (gpa_t){address}, width, value));
}

// ---- One machine ----

static void out(uint16_t port, uint8_t value)
{
    out_at(&lazy, port, value);
}

static uint8_t in(uint16_t port)
{
    return (uint8_t)pc_port_read(&lazy.pc, port, 1);
}

static void store(uint64_t address, unsigned width, uint64_t value)
{
    store_at(&lazy, address, width, value);
}

static void set_entry(unsigned pin, uint32_t low)
{
    store(IOAPIC_DEFAULT_BASE, 4, 0x10 + 2 * pin);
    store(IOAPIC_DEFAULT_BASE + 0x10, 4, low);
}

static uint64_t next(void)
{
    return pc_next_event_ns(&lazy.pc, lazy.now_ns, false);
}

// OUT rises about every 1.7 us, the first time after 2.5 us. The rise at the control word is not
// meant, so ICW1 takes away its request and its mask.
static void start_pit(uint8_t mask)
{
    out(0x43, 0x34);
    out(0x20, 0x11);
    out(0x21, 0x20);
    out(0x21, 4);
    out(0x21, 1);
    out(0x21, mask);
    out(0x40, 2);
    out(0x40, 0);
}

static int set_up(void **state)
{
    (void)state;
    power_up(&lazy);
    return 0;
}

static void a_timer_that_both_controllers_mask_is_never_due(void **state)
{
    (void)state;
    start_pit(0xff);
    assert_int_equal(next(), NEVER_NS);
    out(0x21, 0xfe);
    assert_in_range(next(), 1, 3 * US);
    out(0x21, 0xff);
    assert_int_equal(next(), NEVER_NS);
    set_entry(2, 0x62);
    assert_in_range(next(), 1, 3 * US);
}

// An edge stays requested behind the mask of an 8259, and is lost behind that of an I/O APIC.
static void unmasking_brings_the_controllers_up_to_date(void **state)
{
    (void)state;
    start_pit(0xff);
    assert_int_equal(next(), NEVER_NS);
    lazy.now_ns = MS;
    set_entry(2, 0x62);
    assert_int_equal(lazy.lines, 0);
    assert_int_equal(lazy.due_ns, MS); // look again
    assert_in_range(next(), MS + 1, MS + 3 * US);
    set_entry(2, BIT(16) | 0x62);
    assert_int_equal(next(), NEVER_NS);
    lazy.due_ns = NEVER_NS;
    out(0x21, 0xfe);
    assert_int_equal(lazy.lines, 1);
    assert_int_equal(lazy.log[0].what, LINT0_LINE | 1);
    assert_int_equal(lazy.due_ns, MS);
    assert_in_range(next(), MS + 1, MS + 3 * US);
}

static void the_request_register_shows_what_is_masked(void **state)
{
    (void)state;
    start_pit(0xff);
    assert_int_equal(next(), NEVER_NS);
    assert_int_equal(in(0x20), 0);
    lazy.now_ns = MS;
    assert_int_equal(in(0x20), 1);
}

// The timer that the firmware left running must not make each access to the 8259s slow.
static void other_accesses_look_at_no_timer(void **state)
{
    (void)state;
    start_pit(0xff);
    assert_int_equal(next(), NEVER_NS);
    lazy.now_ns = MS;
    lazy.told = false;
    out(0x21, 0xfd);
    in(0x21);
    out(0x20, 0x20);
    out(0x20, 0x0b);
    in(0x20); // ISR
    set_entry(1, 0x61);
    pc_end_of_interrupt(&lazy.pc, 0x61);
    assert_false(lazy.told);
    out(0x20, 0x0a);
    assert_int_equal(in(0x20), 1); // IRR
    assert_true(lazy.told);
}

static void a_masked_cascade_masks_the_rtc(void **state)
{
    (void)state;
    out(0xa1, 0xfe);
    out(0x70, 0x0b);
    out(0x71, 0x42);
    assert_int_equal(next(), NEVER_NS);
    lazy.now_ns = 5 * MS;
    out(0x21, 0xfb);
    assert_int_equal(lazy.lines, 1);
    assert_int_equal(next(), NEVER_NS); // the RTC's line is high until register C is read
    out(0x70, 0x0c);
    in(0x71);
    assert_in_range(next(), 5 * MS + 1, 6 * MS);
}

// While the first vCPU runs it may take the request at any time, without the board's knowledge.
static void a_request_that_waits_is_not_repeated(void **state)
{
    (void)state;
    start_pit(0xfe);
    assert_in_range(pc_next_event_ns(&lazy.pc, 0, true), 1, 3 * US);
    lazy.now_ns = 3 * US;
    pc_advance(&lazy.pc, lazy.now_ns);
    assert_int_equal(pc_next_event_ns(&lazy.pc, lazy.now_ns, true), NEVER_NS);
    assert_in_range(next(), lazy.now_ns, lazy.now_ns + 3 * US);
    assert_int_equal(pc_next_event_ns(&lazy.pc, lazy.now_ns, true), NEVER_NS);
    out(0x20, 0x0c); // another vCPU polls
    assert_int_equal(pc_next_event_ns(&lazy.pc, lazy.now_ns, true), NEVER_NS);
    lazy.due_ns = NEVER_NS;
    assert_int_equal(in(0x20), 0x80);
    assert_int_equal(lazy.due_ns, lazy.now_ns);
    assert_in_range(pc_next_event_ns(&lazy.pc, lazy.now_ns, true), lazy.now_ns,
                    lazy.now_ns + 3 * US);
}

static void set_hpet_timer(unsigned index, uint32_t config)
{
    store(HPET_BASE + 0x100 + 0x20ULL * index, 8, config | 1U << 6);
    store(HPET_BASE + 0x108 + 0x20ULL * index, 8, 100);
}

static void a_masked_input_is_never_due(void **state)
{
    (void)state;
    store(HPET_BASE + 0x10, 8, 1);
    set_hpet_timer(2, 1 << 2 | 1 << 3 | 20 << 9); // every us, to input 20
    assert_int_equal(next(), NEVER_NS);
    lazy.now_ns = 5500;
    set_entry(20, 0x70);
    assert_int_equal(next(), 6000); // in phase
}

// The interrupt is sent once. Its next assertion counts only after its end.
static void a_level_is_not_due_before_its_end(void **state)
{
    (void)state;
    store(HPET_BASE + 0x10, 8, 1);
    set_entry(20, BIT(15) | 0x70);
    set_hpet_timer(2, 1 << 2 | 1 << 3 | 20 << 9); // pulses
    assert_int_equal(next(), US);
    lazy.now_ns = US;
    pc_advance(&lazy.pc, US);
    assert_int_equal(lazy.lines, 1);
    assert_int_equal(next(), NEVER_NS);
    lazy.due_ns = NEVER_NS;
    lazy.now_ns = 3500;
    pc_end_of_interrupt(&lazy.pc, 0x70);
    assert_int_equal(lazy.due_ns, 3500);
    assert_int_equal(next(), 4000);
}

static void a_level_of_the_hpet_waits_behind_a_mask(void **state)
{
    (void)state;
    store(HPET_BASE + 0x10, 8, 1);
    set_hpet_timer(2, 1 << 1 | 1 << 2 | 20 << 9);
    assert_int_equal(next(), NEVER_NS);
    lazy.now_ns = MS;
    set_entry(20, BIT(15) | 0x70);
    assert_int_equal(lazy.lines, 1);
    assert_int_equal(lazy.log[0].what, 0x70);
}

static void the_hpet_takes_the_inputs_of_pit_and_rtc(void **state)
{
    (void)state;
    start_pit(0xfe);
    store(HPET_BASE + 0x10, 8, 3);
    assert_int_equal(next(), NEVER_NS);
    set_hpet_timer(0, 1 << 2);
    assert_int_equal(next(), US);
    out(0x21, 0xff);
    assert_int_equal(next(), NEVER_NS);
}

// ---- Two machines ----

static uint64_t state_of_chance;

static uint64_t chance(uint64_t end)
{
    state_of_chance = state_of_chance * 6364136223846793005U + 1442695040888963407U;
    return (state_of_chance >> 33) % end;
}

// The first event of any timer, whether somebody hears it or not.
static uint64_t any_event_ns(const struct pc *pc, uint64_t at_ns)
{
    uint64_t first = MIN(pit_next_event_ns(&pc->pit, at_ns), rtc_next_event_ns(&pc->rtc, at_ns));
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        first = MIN(first, hpet_timer_event_ns(&pc->hpet, i, at_ns));
    }
    return first;
}

static void advance(struct machine *machine, uint64_t to_ns)
{
    machine->now_ns = to_ns;
    pc_advance(&machine->pc, to_ns);
}

// As the CPU of the first vCPU does.
static void look(void)
{
    lazy.due_ns = pc_next_event_ns(&lazy.pc, lazy.now_ns, waits);
    lazy.told = false;
}

static void run_to(uint64_t end_ns)
{
    while (any_event_ns(&eager.pc, eager.now_ns) <= end_ns) {
        advance(&eager, any_event_ns(&eager.pc, eager.now_ns));
        eager.events++;
    }
    while (lazy.due_ns <= end_ns) {
        advance(&lazy, MAX(lazy.due_ns, lazy.now_ns));
        lazy.events += !lazy.told;
        look();
    }
    lazy.now_ns = eager.now_ns = end_ns;
    pc_advance(&eager.pc, end_ns);
}

// What the guest writes may set a timer. Then a CPU that waits looks again.
static void written(void)
{
    if (lazy.told && waits) {
        advance(&lazy, lazy.now_ns);
        look();
    }
}

static void out_both(uint16_t port, uint8_t value)
{
    out_at(&lazy, port, value);
    out_at(&eager, port, value);
    written();
}

static void in_both(uint16_t port)
{
    uint32_t value = pc_port_read(&lazy.pc, port, 1);
    assert_int_equal(value, pc_port_read(&eager.pc, port, 1));
    written();
}

static void store_both(uint64_t address, unsigned width, uint64_t value)
{
    store_at(&lazy, address, width, value);
    store_at(&eager, address, width, value);
    written();
}

static void load_both(uint64_t address, unsigned width)
{
    uint64_t values[2];
    assert_true(pc_memory_read(&lazy.pc, (gpa_t){address}, width, &values[0]));
    assert_true(pc_memory_read(&eager.pc, (gpa_t){address}, width, &values[1]));
    assert_true(values[0] == values[1]);
}

static void initialise_8259(uint16_t port)
{
    out_both(port, 0x11);
    out_both(port + 1, port == 0x20 ? 0x20 : 0x28);
    out_both(port + 1, 4);
    out_both(port + 1, (uint8_t)(1 + 2 * chance(2))); // AEOI or not
}

static void access_8259(void)
{
    uint16_t port = chance(2) ? 0x20 : 0xa0;
    switch (chance(8)) {
    case 0:
    case 1:
        out_both(port + 1, (uint8_t)(0xfa | chance(8)));
        break;
    case 2:
        out_both(port, chance(2) ? 0x20 : 0x60);
        break;
    case 3:
        out_both(port, (uint8_t)(0x0a + chance(3))); // IRR, ISR, poll
        in_both(port);
        break;
    case 4:
        in_both(port + (uint16_t)chance(2));
        break;
    case 5:
        if (chance(8) == 0) {
            initialise_8259(port);
        }
        break;
    default: // INTA
        if (!waits) {
            assert_int_equal(pc_acknowledge_interrupt(&lazy.pc),
                             pc_acknowledge_interrupt(&eager.pc));
        }
        break;
    }
}

// The PIT's input is edge-triggered: nobody announces when its line falls.
static void access_io_apic(void)
{
    static const uint8_t pins[] = {2, 8, 16, 17};
    unsigned pin = pins[chance(ARRAY_SIZE(pins))];
    uint32_t level = pin == 2 ? 0 : (uint32_t)chance(2) << 15;
    switch (chance(4)) {
    case 0:
        store_both(IOAPIC_DEFAULT_BASE + 0x40, 4, 0x60 + pin);
        break;
    case 1:
        pc_end_of_interrupt(&lazy.pc, (uint8_t)(0x60 + pin));
        pc_end_of_interrupt(&eager.pc, (uint8_t)(0x60 + pin));
        written();
        break;
    default:
        store_both(IOAPIC_DEFAULT_BASE, 4, 0x10 + 2 * pin);
        load_both(IOAPIC_DEFAULT_BASE + 0x10, 4);
        store_both(IOAPIC_DEFAULT_BASE + 0x10, 4, level | (uint32_t)chance(2) << 16 | 0x60 | pin);
        break;
    }
}

static void access_pit(void)
{
    if (chance(2)) {
        in_both(0x40);
        return;
    }
    out_both(0x43, (uint8_t)(0x30 | chance(6) << 1));
    out_both(0x40, (uint8_t)(2 + chance(250)));
    out_both(0x40, (uint8_t)chance(2));
}

static void access_rtc(void)
{
    unsigned reg = 0x0a + (unsigned)chance(3);
    out_both(0x70, (uint8_t)reg);
    if (reg == 0x0c || chance(3) == 0) {
        in_both(0x71);
    } else {
        out_both(0x71, (uint8_t)(reg == 0x0a ? 0x20 | chance(16) : 2 | chance(8) << 4));
    }
}

static void access_hpet(void)
{
    uint64_t timer = HPET_BASE + 0x100 + 0x20 * chance(HPET_TIMERS);
    switch (chance(8)) {
    case 0:
    case 1:
        store_both(HPET_BASE + 0x10, 8, chance(8) < 6 ? 1 | chance(2) << 1 : chance(4));
        break;
    case 2:
    case 3:
        store_both(timer, 8, chance(16) << 1 | (chance(2) << 6) | (16 + chance(2)) << 9);
        break;
    case 4:
    case 5:
        store_both(timer + 8, 8, 100 + chance(2000));
        break;
    case 6:
        store_both(HPET_BASE + 0x20, 8, chance(8));
        break;
    default:
        load_both(HPET_BASE + 0x10 + 0x10 * chance(2), 8);
        load_both(timer + 8 * chance(2), 8);
        break;
    }
}

static void step(void)
{
    switch (chance(8)) {
    case 0:
    case 1:
        run_to(lazy.now_ns + chance(chance(4) == 0 ? 2 * MS : 50 * US));
        break;
    case 2: // before the first vCPU runs it is advanced
        advance(&lazy, lazy.now_ns);
        waits = !waits;
        look();
        break;
    case 3:
        access_8259();
        break;
    case 4:
        access_io_apic();
        break;
    case 5:
        access_pit();
        break;
    case 6:
        access_rtc();
        break;
    default:
        access_hpet();
        break;
    }
}

static void check_equal(void)
{
    assert_int_equal(pc_interrupt_waits(&lazy.pc), pc_interrupt_waits(&eager.pc));
    assert_int_equal(lazy.lines, eager.lines);
    for (unsigned i = 0; i < lazy.lines; i++) {
        assert_int_equal(lazy.log[i].what, eager.log[i].what);
        assert_int_equal(lazy.log[i].at_ns, eager.log[i].at_ns);
    }
    lazy.lines = eager.lines = 0;
}

static void nobody_can_tell_them_apart(void **state)
{
    unsigned looks = 0;
    unsigned events = 0;
    (void)state;
    for (unsigned run = 0; run < RUNS; run++) {
        state_of_chance = run;
        waits = false;
        power_up(&lazy);
        power_up(&eager);
        initialise_8259(0x20);
        initialise_8259(0xa0);
        for (unsigned i = 0; i < STEPS; i++) {
            step();
            check_equal();
        }
        looks += lazy.events;
        events += eager.events;
    }
    assert_true(looks < events / 2); // otherwise nothing was put off
}

#define TEST(function) cmocka_unit_test_setup(function, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_timer_that_both_controllers_mask_is_never_due),
        TEST(unmasking_brings_the_controllers_up_to_date),
        TEST(the_request_register_shows_what_is_masked),
        TEST(other_accesses_look_at_no_timer),
        TEST(a_masked_cascade_masks_the_rtc),
        TEST(a_request_that_waits_is_not_repeated),
        TEST(a_masked_input_is_never_due),
        TEST(a_level_is_not_due_before_its_end),
        TEST(a_level_of_the_hpet_waits_behind_a_mask),
        TEST(the_hpet_takes_the_inputs_of_pit_and_rtc),
        TEST(nobody_can_tell_them_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
