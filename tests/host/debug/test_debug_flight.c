// SPDX-License-Identifier: MIT
// Tests of `flight` on a VM.
#include "vmm/debug/debug_flight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/fake_host.h"
#include "tests/host/monitor/inspect_fixture.h"
#include "tests/host/monitor/monitor_fixture.h"
#include "vmm/backend.h"
#include "vmm/exit.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vm/scheduler.h"
#include "vmm/vm/vm.h"

static struct vm *web;
static struct reason why;

static int set_up(void **state)
{
    inspect_set_up(state);
    web = fixture.web;
    return 0;
}

static void the_last_exits_are_shown(void **state)
{
    (void)state;
    struct vcpu_core *core = &web->vcpus[0]->core;
    unsigned place = flight_place(core);
    core->flight.kind[place] = EXIT_CPUID;
    core->flight.time_low[place] = (uint32_t)fake_host.host.tsc();
    core->flight.time_high[place] = (uint32_t)(fake_host.host.tsc() >> 32);
    flight_note_rip(core, 0x1234);
    core->exits_left--;
    assert_int_equal(debug_flight(web, 0, &shown_sink, &why), STATUS_OK);
    assert_string_equal(shown, "           0 us ago  RIP 0x0000000000001234  CPUID\n");
}

static void refusals(void **state)
{
    (void)state;
    assert_int_equal(debug_flight(web, 1, &shown_sink, &why), STATUS_RANGE);
    assert_string_equal(why.text, "web has vCPUs 0 to 0");
    assert_int_equal(debug_flight(fixture.spare, 0, &shown_sink, &why), STATUS_BUSY);
    assert_string_equal(why.text, "spare is off: it has no CPU");
    fake_host.failing_step = fake_host.steps + 1;
    assert_int_equal(debug_flight(web, 0, &shown_sink, &why), STATUS_NO_MEMORY);
    fake_host.failing_step = 0;
    assert_string_equal(shown, "");
}

static char told[1024];

static void tell(const char *line)
{
    strcat(told, line);
    strcat(told, "\n");
}

static void a_panic_shows_the_vcpu_that_runs(void **state)
{
    (void)state;
    struct scheduler *scheduler = web->vmm->schedulers[0];
    struct vcpu_core *core = &web->vcpus[0]->core;
    told[0] = '\0';
    scheduler->current = 0;
    debug_flight_last(scheduler, tell);
    debug_flight_last(NULL, tell);
    assert_string_equal(told, "");
    scheduler->current = scheduler_id(fixture.spare, 0); // it is off, and has no vCPU
    debug_flight_last(scheduler, tell);
    assert_string_equal(told, "");
    scheduler->current = scheduler_id(web, 0);
    core->flight.kind[flight_place(core)] = EXIT_HLT;
    core->flight.time_low[flight_place(core)] = 1;
    core->exits_left--;
    debug_flight_last(scheduler, tell);
    scheduler->current = 0;
    assert_non_null(strstr(told, "vCPU 0 of web:\n  its last exits:\n"));
    assert_non_null(strstr(told, "  HLT\n"));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_last_exits_are_shown),
        TEST(refusals),
        TEST(a_panic_shows_the_vcpu_that_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
