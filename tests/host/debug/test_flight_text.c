// SPDX-License-Identifier: MIT
// Tests of the last exits as text: their order, their times, and what each kind tells.
#include "vmm/debug/flight_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/flight_note.h"
#include "vmm/backend.h"
#include "vmm/exit.h"
#include "vmm/host.h"
#include "vmm/util/line_sink.h"
#include "vmm/util/types.h"

#define HZ 1000000000ULL         // a us has 1000 ticks
#define EARLY_US 0x1000000000ULL // so that a time has more than 32 bits
#define TICKS_A_US 1000
#define NOW ((EARLY_US + 5000) * TICKS_A_US)

static struct vcpu_core core;
static char shown[64 * KIB];
static unsigned lines;

static void collect(struct line_sink *sink, const char *text)
{
    (void)sink;
    lines++;
    strcat(shown, text);
    strcat(shown, "\n");
}

static struct line_sink sink = {.line = collect};

static int set_up(void **state)
{
    (void)state;
    core = (struct vcpu_core){0};
    flight_renew(&core);
    return 0;
}

// As a back end does at an exit. `time_us` is after EARLY_US.
static void note(enum exit_kind kind, uint64_t time_us, uint64_t rip, uint64_t detail)
{
    uint64_t tsc = (EARLY_US + time_us) * TICKS_A_US;
    core.flight.kind[flight_place(&core)] = (uint8_t)kind;
    core.flight.time_low[flight_place(&core)] = (uint32_t)tsc;
    core.flight.time_high[flight_place(&core)] = (uint32_t)(tsc >> 32);
    flight_note_rip(&core, rip);
    flight_note_detail(&core, detail);
    core.exits_left--;
}

// An exit that only concerns the host.
static void pass_host(void)
{
    flight_pass_host(&core);
    core.exits_left--;
}

static void show(unsigned count)
{
    shown[0] = '\0';
    lines = 0;
    flight_show(&core.flight, (flight_place(&core) + 1) % FLIGHT_EXITS, count, NOW, HZ, &sink);
}

static void none_are_shown_at_first(void **state)
{
    (void)state;
    show(FLIGHT_EXITS);
    assert_int_equal(lines, 0);
}

static void the_newest_comes_last(void **state)
{
    (void)state;
    note(EXIT_CPUID, 4000, 0x1000, 7);
    note(EXIT_IO, 4900, 0x2000, 0x3f8);
    note(EXIT_WRITE_MSR, 4950, 0x3000, 0x1b);
    note(EXIT_MEMORY, 4998, 0x4000, 0xfee000b0);
    show(FLIGHT_EXITS);
    assert_string_equal(shown, "        1000 us ago  RIP 0x0000000000001000  CPUID\n"
                               "         100 us ago  RIP 0x0000000000002000  I/O port, port 0x3f8\n"
                               "          50 us ago  RIP 0x0000000000003000  WRMSR, MSR 0x1b\n"
                               "           2 us ago  RIP 0x0000000000004000  nested page fault, "
                               "address 0xfee000b0\n");
    show(1);
    assert_int_equal(lines, 1);
    assert_non_null(strstr(shown, "0xfee000b0"));
}

static void older_ones_are_forgotten(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 1000; i++) {
        note(EXIT_HLT, 4000 + i, i, 0);
        if (i % 300 == 0) {
            flight_renew(&core); // a run ends: the next goes on in the ring
        }
    }
    show(FLIGHT_EXITS);
    assert_int_equal(lines, FLIGHT_EXITS);
    assert_non_null(strstr(shown, "         255 us ago  RIP 0x00000000000002e9  HLT\n"));
    assert_non_null(strstr(shown, "           0 us ago  RIP 0x00000000000003e8  HLT\n"));
}

static void an_exit_that_is_another_one_is_left_out(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * FLIGHT_EXITS; i++) {
        note(EXIT_HLT, 1000 + i, 0x1000, 0);
        flight_skip(&core);
        core.exits_left--;
    }
    show(FLIGHT_EXITS);
    assert_int_equal(lines, FLIGHT_EXITS / 2);
}

// A guest that computes and never exits: what it did before is still there.
static void exits_of_the_host_push_nothing_out(void **state)
{
    (void)state;
    note(EXIT_CPUID, 4000, 0x1000, 0);
    note(EXIT_HLT, 4900, 0x2000, 0);
    for (unsigned i = 0; i < 10 * FLIGHT_EXITS + 77; i++) {
        pass_host();
        show(FLIGHT_EXITS);
        assert_string_equal(shown, "        1000 us ago  RIP 0x0000000000001000  CPUID\n"
                                   "         100 us ago  RIP 0x0000000000002000  HLT\n");
    }
}

static void exits_of_the_host_are_counted(void **state)
{
    (void)state;
    uint32_t left = core.exits_left;
    pass_host();
    assert_int_equal(core.exits[EXIT_HOST], 1);
    assert_int_equal(core.exits_left, left);
}

static uint64_t rip_of_guest(const struct vcpu_core *vcpu, enum guest_register which)
{
    (void)vcpu;
    assert_int_equal(which, REG_RIP);
    return 0x5555;
}

static uint64_t tsc_now(void)
{
    return NOW;
}

static uint64_t tsc_hz(void)
{
    return HZ;
}

static void log_it(const char *line)
{
    collect(NULL, line);
}

static void a_log_has_the_exit_that_is_not_over(void **state)
{
    (void)state;
    const struct vcpu_ops ops = {.get_register = rip_of_guest};
    const struct host host = {.tsc = tsc_now, .tsc_hz = tsc_hz};
    for (unsigned i = 0; i < 2 * FLIGHT_EXITS; i++) {
        note(EXIT_HLT, 4000 + i, 0x1000 + i, 0);
    }
    shown[0] = '\0';
    lines = 0;
    flight_log(&core, &ops, &host, log_it);
    assert_int_equal(lines, 17);
    assert_null(strstr(shown, "5555")); // between two exits
    assert_non_null(strstr(shown, "  its last exits:\n         504 us ago"));
    note(EXIT_CPUID, 4999, 0x9999, 0);
    core.exits_left++; // its handler is at work, and the back end has not noted RIP
    shown[0] = '\0';
    lines = 0;
    flight_log(&core, &ops, &host, log_it);
    assert_int_equal(lines, 17);
    assert_non_null(strstr(shown, "           1 us ago  RIP 0x0000000000005555  CPUID\n"));
}

static void a_run_has_most_of_its_budget(void **state)
{
    (void)state;
    for (unsigned low = 0; low < FLIGHT_EXITS; low++) {
        core.exits_left = low;
        flight_renew(&core);
        assert_int_equal(flight_place(&core), low);
        assert_in_range(core.exits_left, BACKEND_EXITS_A_RUN - FLIGHT_EXITS, BACKEND_EXITS_A_RUN);
    }
}

#define TEST(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(none_are_shown_at_first),
        TEST(the_newest_comes_last),
        TEST(older_ones_are_forgotten),
        TEST(an_exit_that_is_another_one_is_left_out),
        TEST(exits_of_the_host_push_nothing_out),
        TEST(exits_of_the_host_are_counted),
        TEST(a_log_has_the_exit_that_is_not_over),
        TEST(a_run_has_most_of_its_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
