// SPDX-License-Identifier: MIT
// Tests of the lock between threads: only one thread has it at a time.
#include "vmm/util/lock.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define THREADS 4
#define TURNS 20000

static struct lock lock;
static unsigned counter; // only the thread that has the lock changes it

static void *count(void *argument)
{
    for (unsigned i = 0; i < TURNS; i++) {
        lock_take(&lock);
        unsigned seen = counter;
        if (i % 64 == 0) {
            sched_yield(); // other threads try the lock meanwhile
        }
        counter = seen + 1;
        lock_give(&lock);
    }
    return argument;
}

static void one_has_it_at_a_time(void **state)
{
    pthread_t threads[THREADS];
    (void)state;
    counter = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count, NULL), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(counter, THREADS * TURNS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_has_it_at_a_time)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
