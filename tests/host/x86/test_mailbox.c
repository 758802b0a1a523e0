// SPDX-License-Identifier: MIT
// Tests of calls between CPUs: one that answers, one that answers late, one that never does.
#define _DEFAULT_SOURCE // nanosleep
#include "arch/x86/mailbox.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define STEP_NS 1000000ULL // of the fake clock, with each look at it
#define OTHER_CPU 3

static struct mailbox mailbox;
static uint64_t clock_ns;
static uint64_t jump_ns;    // how far the clock jumps, once
static uint64_t answers_ns; // from then on the other CPU looks into its mailbox
static unsigned kicks;
static unsigned runs;
static void *ran_with;

static uint64_t now_ns(void)
{
    clock_ns += STEP_NS + jump_ns;
    jump_ns = 0;
    return clock_ns;
}

static void kick(unsigned cpu)
{
    assert_int_equal(cpu, OTHER_CPU);
    kicks++;
}

static void meanwhile(void)
{
    if (clock_ns >= answers_ns) {
        mailbox_look(&mailbox);
    }
}

static const struct mailbox_caller caller = {
    .now_ns = now_ns, .kick = kick, .meanwhile = meanwhile};

static void function(void *argument)
{
    runs++;
    ran_with = argument;
}

static int set_up(void **state)
{
    (void)state;
    mailbox = (struct mailbox){0};
    clock_ns = jump_ns = answers_ns = 0;
    kicks = runs = 0;
    ran_with = NULL;
    return 0;
}

static void a_call_runs_once_with_its_argument(void **state)
{
    (void)state;
    int argument;
    assert_true(mailbox_call(&mailbox, OTHER_CPU, function, &argument, &caller));
    assert_int_equal(kicks, 1);
    assert_int_equal(runs, 1);
    assert_ptr_equal(ran_with, &argument);
    assert_false(mailbox_has_call(&mailbox));
    assert_false(mailbox_look(&mailbox));
    assert_int_equal(runs, 1);
    assert_true(mailbox_call(&mailbox, OTHER_CPU, function, NULL, &caller));
    assert_int_equal(runs, 2);
}

static void a_cpu_that_never_answers_is_waited_for_a_second(void **state)
{
    (void)state;
    answers_ns = UINT64_MAX;
    assert_false(mailbox_call(&mailbox, OTHER_CPU, function, NULL, &caller));
    assert_in_range(clock_ns, MAILBOX_PATIENCE_NS, MAILBOX_PATIENCE_NS + 10 * STEP_NS);
}

// The argument lies on the stack of a caller that has gone on.
static void a_call_that_was_given_up_never_runs(void **state)
{
    (void)state;
    answers_ns = UINT64_MAX;
    assert_false(mailbox_call(&mailbox, OTHER_CPU, function, NULL, &caller));
    assert_false(mailbox_has_call(&mailbox));
    mailbox_look(&mailbox);
    assert_int_equal(runs, 0);
    answers_ns = 0;
    assert_true(mailbox_call(&mailbox, OTHER_CPU, function, &mailbox, &caller));
    assert_int_equal(runs, 1);
    assert_ptr_equal(ran_with, &mailbox);
}

static void a_cpu_that_answers_late_is_noticed_once(void **state)
{
    (void)state;
    answers_ns = UINT64_MAX;
    assert_false(mailbox_look(&mailbox));
    assert_false(mailbox_call(&mailbox, OTHER_CPU, function, NULL, &caller));
    mailbox_give_up(&mailbox);
    assert_true(mailbox_is_given_up(&mailbox));
    assert_true(mailbox_look(&mailbox));
    assert_false(mailbox_is_given_up(&mailbox));
    assert_false(mailbox_look(&mailbox));
}

static void an_answer_just_in_time_counts(void **state)
{
    (void)state;
    answers_ns = MAILBOX_PATIENCE_NS - 10 * STEP_NS;
    assert_true(mailbox_call(&mailbox, OTHER_CPU, function, NULL, &caller));
    assert_int_equal(runs, 1);
}

// A machine that was stopped, or an emulator: the other CPU stood still as well.
static void a_clock_that_jumps_takes_no_patience(void **state)
{
    (void)state;
    answers_ns = 20 * MAILBOX_PATIENCE_NS;
    jump_ns = 30 * MAILBOX_PATIENCE_NS;
    assert_true(mailbox_call(&mailbox, OTHER_CPU, function, NULL, &caller));
}

// The other CPU takes the call at once, and needs until `answers_ns` to run it.
static void meanwhile_it_runs(void)
{
    if (mailbox.state == MAILBOX_POSTED) {
        mailbox.state = MAILBOX_RUNNING;
    } else if (mailbox.state == MAILBOX_RUNNING && clock_ns >= answers_ns) {
        mailbox.state = MAILBOX_DONE;
    }
}

static void a_call_that_was_taken_is_waited_for(void **state)
{
    (void)state;
    static const struct mailbox_caller patient = {
        .now_ns = now_ns, .kick = kick, .meanwhile = meanwhile_it_runs};

    answers_ns = 5 * MAILBOX_PATIENCE_NS;
    assert_true(mailbox_call(&mailbox, OTHER_CPU, function, NULL, &patient));
    assert_true(clock_ns >= answers_ns);
    assert_int_equal(mailbox.state, MAILBOX_FREE);
}

static void a_mailbox_that_is_in_use_is_waited_for_a_second(void **state)
{
    (void)state;
    mailbox.state = MAILBOX_RUNNING; // for another caller
    assert_false(mailbox_call(&mailbox, OTHER_CPU, function, NULL, &caller));
    assert_int_equal(runs, 0);
    assert_int_equal(mailbox.state, MAILBOX_RUNNING);
    assert_int_equal(kicks, 0);
}

// ---- Threads ----

#define CALLERS 3
#define CALLS 500        // of each caller that run; others are given up
#define STOPPED_EVERY 64 // looks

static struct mailbox shared;
static bool over;

// A fast clock, so that many calls are given up just when they are taken.
static uint64_t thread_now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return ((uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec) * 100000;
}

static void thread_kick(unsigned cpu)
{
    (void)cpu;
}

static void thread_pause(void)
{
    sched_yield();
}

static const struct mailbox_caller thread_caller = {
    .now_ns = thread_now_ns, .kick = thread_kick, .meanwhile = thread_pause};

static void mark(void *argument)
{
    ++*(unsigned *)argument;
}

// Each call's argument is this function's own, and changes when the call has come back.
static void *call_many(void *argument)
{
    for (unsigned done = 0; done < CALLS;) {
        unsigned marks = 0;
        bool ran = mailbox_call(&shared, OTHER_CPU, mark, &marks, &thread_caller);
        if (marks != (ran ? 1 : 0)) {
            return argument; // it ran although it was given up, or it did not run once
        }
        done += ran;
    }
    return NULL;
}

static void *look_all_the_time(void *argument)
{
    (void)argument;
    for (unsigned i = 1; !__atomic_load_n(&over, __ATOMIC_ACQUIRE); i++) {
        mailbox_look(&shared);
        if (i % STOPPED_EVERY == 0) {
            nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
        }
    }
    return NULL;
}

static void threads_call_and_give_up(void **state)
{
    (void)state;
    pthread_t callers[CALLERS], other;
    void *complaint;
    assert_int_equal(pthread_create(&other, NULL, look_all_the_time, NULL), 0);
    for (unsigned i = 0; i < CALLERS; i++) {
        assert_int_equal(pthread_create(&callers[i], NULL, call_many, &shared), 0);
    }
    for (unsigned i = 0; i < CALLERS; i++) {
        assert_int_equal(pthread_join(callers[i], &complaint), 0);
        assert_null(complaint);
    }
    __atomic_store_n(&over, true, __ATOMIC_RELEASE);
    assert_int_equal(pthread_join(other, NULL), 0);
    assert_int_equal(shared.state, MAILBOX_FREE);
}

#define TEST(function) cmocka_unit_test_setup(function, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_call_runs_once_with_its_argument),
        TEST(a_cpu_that_never_answers_is_waited_for_a_second),
        TEST(a_call_that_was_given_up_never_runs),
        TEST(a_cpu_that_answers_late_is_noticed_once),
        TEST(an_answer_just_in_time_counts),
        TEST(a_clock_that_jumps_takes_no_patience),
        TEST(a_call_that_was_taken_is_waited_for),
        TEST(a_mailbox_that_is_in_use_is_waited_for_a_second),
        TEST(threads_call_and_give_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
