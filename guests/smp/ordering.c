// SPDX-License-Identifier: MIT
// Memory ordering between processors, as SDM Vol. 3A 8.2 promises it.
#include "guests/smp/ordering.h"

#include "guests/lib/cpu.h"
#include "guests/smp/processors.h"
#include "guests/smp/report.h"

#define ROUNDS 20000U
#define LOCKED_ROUNDS 20000U
#define SPIN_ROUNDS 500U
#define GROUP "memory ordering"

// What two processors write and what they then read, for each round. No round waits for the other
// processor: the promise holds whatever the other one is doing.
static volatile uint32_t written[2][ROUNDS];
static volatile uint32_t read_back[2][ROUNDS];
static volatile uint32_t flag;
static uint32_t counter;
static volatile uint32_t lock;
static volatile uint32_t guarded;

static void clear(volatile uint32_t *array)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        array[i] = 0;
    }
}

static void store_fence_load(unsigned self, void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < ROUNDS; i++) {
        written[self][i] = 1;
        __asm__ volatile("mfence" ::: "memory");
        read_back[self][i] = written[1 - self][i];
    }
}

static void exchange_load(unsigned self, void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint32_t one = 1;
        __asm__ volatile("xchg %0, %1" : "+r"(one), "+m"(written[self][i])::"memory");
        read_back[self][i] = written[1 - self][i];
    }
}

// With a fence between store and load, at least one of the two loads sees the other processor's
// store (8.2.3.4).
static void check_store_buffers(const char *name, processor_job *job)
{
    check_begin(GROUP, name);
    for (unsigned i = 0; i < 2; i++) {
        clear(written[i]);
        clear(read_back[i]);
    }
    if (!processors_run(3, job, NULL)) {
        check_fails("processors that finish", 3, 0);
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (read_back[0][i] == 0 && read_back[1][i] == 0) {
            check_fails("a store seen in round", i, 0);
        }
    }
    check_end();
}

static void pass_messages(unsigned self, void *argument)
{
    uint32_t *stale = argument;
    if (self == 1) {
        for (uint32_t i = 0; i < ROUNDS; i++) {
            written[0][i] = i + 1;
            flag = i + 1;
        }
        return;
    }
    for (uint32_t at = 0; at < ROUNDS;) {
        at = flag;
        if (at > 0 && written[0][at - 1] != at) {
            *stale = at;
        }
        cpu_pause();
    }
}

// Stores become visible in program order, and loads are done in program order (8.2.3.2).
static void check_messages(void)
{
    uint32_t stale = 0;
    check_begin(GROUP, "message passing");
    clear(written[0]);
    flag = 0;
    if (!processors_run(3, pass_messages, &stale)) {
        check_fails("processors that finish", 3, 0);
    }
    if (stale != 0) {
        check_fails("no message behind its flag", 0, stale);
    }
    check_end();
}

// Adds one in three ways. Each loses counts if it is not atomic.
static void count_locked(unsigned self, void *argument)
{
    (void)self;
    (void)argument;
    for (unsigned i = 0; i < LOCKED_ROUNDS; i++) {
        __asm__ volatile("lock incl %0" : "+m"(counter)::"memory", "cc");
        uint32_t one = 1;
        __asm__ volatile("lock xaddl %0, %1" : "+r"(one), "+m"(counter)::"memory", "cc");
        uint32_t old = counter;
        while (!__atomic_compare_exchange_n(&counter, &old, old + 1, false, __ATOMIC_SEQ_CST,
                                            __ATOMIC_SEQ_CST)) {
        }
    }
}

static void check_locked(void)
{
    const uint32_t wanted = 3 * LOCKED_ROUNDS * processor_count();
    check_begin(GROUP, "locked instructions");
    counter = 0;
    if (!processors_run(processors_all(), count_locked, NULL)) {
        check_fails("processors that finish", processors_all(), 0);
    }
    if (counter != wanted) {
        check_fails("count", wanted, counter);
    }
    check_end();
}

// A processor that loses its CPU while it holds the lock must get the CPU back while others wait.
static void count_guarded(unsigned self, void *argument)
{
    (void)self;
    (void)argument;
    for (unsigned i = 0; i < SPIN_ROUNDS; i++) {
        while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE) != 0) {
            cpu_pause();
        }
        guarded = guarded + 1;
        __atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
    }
}

static void check_spin_lock(void)
{
    const uint32_t wanted = SPIN_ROUNDS * processor_count();
    check_begin(GROUP, "spin lock");
    guarded = 0;
    if (!processors_run(processors_all(), count_guarded, NULL)) {
        check_fails("processors that finish", processors_all(), 0);
    }
    if (guarded != wanted) {
        check_fails("count", wanted, guarded);
    }
    check_end();
}

void ordering_checks(void)
{
    check_store_buffers("store buffers, MFENCE", store_fence_load);
    check_store_buffers("store buffers, XCHG", exchange_load);
    check_messages();
    check_locked();
    check_spin_lock();
}
