// SPDX-License-Identifier: MIT
// Runs attempts: catches their exceptions, puts the machine back in order, and judges the outcome.
#include "guests/hostile/attempt.h"

#include "arch/x86/msr_numbers.h"
#include "guests/hostile/machine.h"
#include "guests/lib/cpu.h"
#include "guests/lib/print.h"
#include "guests/lib/traps.h"

static const char *wrong_what;
static uint64_t wrong_value;

enum outcome attempt_wrong(const char *what, uint64_t value)
{
    wrong_what = what;
    wrong_value = value;
    return OUTCOME_WRONG;
}

enum outcome attempt_fault(void (*function)(void *argument), void *argument)
{
    struct trap trap;
    if (!trap_catch(function, argument, &trap)) {
        return OUTCOME_DONE;
    }
    return (enum outcome)trap.frame.vector;
}

struct msr_access {
    uint32_t msr;
    uint64_t value;
};

static void read_msr(void *argument)
{
    struct msr_access *access = argument;
    access->value = msr_read(access->msr);
}

static void write_msr(void *argument)
{
    const struct msr_access *access = argument;
    msr_write(access->msr, access->value);
}

enum outcome attempt_read_msr(uint32_t msr, uint64_t *value)
{
    struct msr_access access = {.msr = msr};
    const enum outcome outcome = attempt_fault(read_msr, &access);
    *value = access.value;
    return outcome;
}

enum outcome attempt_write_msr(uint32_t msr, uint64_t value)
{
    struct msr_access access = {msr, value};
    return attempt_fault(write_msr, &access);
}

enum outcome attempt_as_cpuid(bool present, void (*instruction)(void *unused))
{
    const enum outcome outcome = attempt_fault(instruction, NULL);
    if ((present && outcome == OUTCOME_DONE) || (!present && outcome == (enum outcome)VECTOR_UD)) {
        return OUTCOME_AS_CPUID;
    }
    return attempt_wrong(present ? "CPUID has it, outcome" : "CPUID has it not, outcome", outcome);
}

static const char *outcome_name(enum outcome outcome)
{
    switch (outcome) {
    case OUTCOME_DONE:
        return "done";
    case OUTCOME_ALL_ONES:
        return "all ones";
    case OUTCOME_AS_CPUID:
        return "as CPUID says";
    case OUTCOME_WRONG:
        return "wrong";
    default:
        return trap_name((unsigned)outcome);
    }
}

struct run {
    const struct attempt *attempt;
    enum outcome outcome;
};

static void run_body(void *argument)
{
    struct run *run = argument;
    run->outcome = run->attempt->run();
}

static void print_surprise(const struct attempt *attempt, enum outcome outcome)
{
    print(" SURPRISE: expected");
    for (unsigned i = 0; i < OUTCOME_WRONG; i++) {
        if ((attempt->expected & BIT(i)) != 0) {
            print(" %s", outcome_name((enum outcome)i));
        }
    }
    if (outcome == OUTCOME_WRONG) {
        print("; %s %lx", wrong_what, wrong_value);
    }
}

bool attempt_run(const struct attempt *attempt, unsigned number)
{
    struct run run = {.attempt = attempt, .outcome = OUTCOME_WRONG};
    struct trap trap;
    const bool caught = trap_catch(run_body, &run, &trap);
    machine_restore();
    const enum outcome outcome = caught ? (enum outcome)trap.frame.vector : run.outcome;
    const bool good = (attempt->expected & BIT(outcome)) != 0;
    print("%2u %s: %s", number, attempt->name, outcome_name(outcome));
    if (!good) {
        print_surprise(attempt, outcome);
    }
    print("\n");
    print_flush(); // before the next attempt does something to the UART
    return good;
}

void attempt_run_group(const struct attempt_group *group, struct tally *tally)
{
    for (unsigned i = 0; i < group->count; i++) {
        const unsigned number = tally->next++;
        if (number < tally->first || number > tally->last) {
            continue;
        }
        tally->runs++;
        if (!attempt_run(&group->attempts[i], number)) {
            tally->surprises++;
        }
    }
}
