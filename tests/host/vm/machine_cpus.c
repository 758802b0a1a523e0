// SPDX-License-Identifier: MIT
// Steps CPUs, and checks that each sleeps as long as it said.
#include "tests/host/vm/machine_cpus.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/host/fake_machine.h"
#include "tests/host/vm/machine_check.h"

#define RENEWALS 2 // of runs in a step

struct machine_cpu machine_cpus[FAKE_CPUS_MAX];

static void kick(unsigned cpu)
{
    assert_in_range(cpu, 0, fake_host.cpus - 1);
    machine_cpus[cpu].kicked = true;
}

// A CPU takes calls between two runs of guests. Then it looks what to run.
static enum status call_on(unsigned cpu, void (*call)(void *), void *argument)
{
    unsigned caller = fake_host.cpu;
    assert_in_range(cpu, 0, fake_host.cpus - 1);
    assert_false(machine_cpus[cpu].steps);
    machine_cpus[cpu].kicked = true;
    fake_host.cpu = cpu;
    call(argument);
    fake_host.cpu = caller;
    return STATUS_OK;
}

static bool disturbed(void)
{
    struct machine_cpu *cpu = &machine_cpus[fake_host.cpu];
    bool was = cpu->disturbed;
    cpu->disturbed = false;
    return was;
}

void machine_cpus_init(void)
{
    fake_host.host.kick = kick;
    fake_host.host.disturbed = disturbed;
    fake_host.host.call = call_on;
    for (unsigned i = 0; i < FAKE_CPUS_MAX; i++) {
        machine_cpus[i] = (struct machine_cpu){0};
    }
}

void machine_cpus_step(unsigned number)
{
    struct machine_cpu *cpu = &machine_cpus[number];
    if (cpu->steps) {
        return;
    }
    bool sleeps = cpu->idle && !cpu->kicked && fake_host.now_ns < cpu->wake_ns;
    struct machine_check_time before = machine_check_time(number);
    cpu->kicked = false;
    cpu->steps = true;
    fake_backend.renewals = RENEWALS;
    cpu->idle = !fake_machine_step(number, &cpu->wake_ns);
    cpu->steps = false;
    assert_true(cpu->idle || !sleeps);
    machine_check_charged(number, &before, !cpu->idle);
}
