// SPDX-License-Identifier: MIT
// Compares two TSCs by question and answer. The answer was read between the start and the end of
// the question, so the difference is known within half of that round trip.
#include "arch/x86/tsc_sync.h"

#include "arch/x86/cpuid.h"
#include "arch/x86/feature_switches.h"
#include "arch/x86/features.h"
#include "arch/x86/instructions.h"
#include "arch/x86/log.h"
#include "arch/x86/msr.h"
#include "arch/x86/msr_numbers.h"
#include "arch/x86/time.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/types.h"

#define ROUNDS 8
// A CPU answers within microseconds. The clock is looked at seldom, because a look makes the round
// longer, and the measurement less exact.
#define ANSWER_NS NS_PER_S
#define LOOKS_BY_THE_CLOCK 1024

struct offset {
    int64_t ticks;       // the follower's TSC minus the leader's
    uint64_t half_width; // the uncertainty of `ticks`
};

static uint32_t question; // number of the round; the follower answers each round once
static uint32_t answered;
static uint64_t answer;
static int64_t correction; // goes with the last question
static bool is_last;

void tsc_sync_prepare(void)
{
    question = 0;
    answered = 0;
    correction = 0;
    is_last = false;
}

// False: no answer within a second.
static bool ask(uint32_t number)
{
    uint64_t start_ns = time_now_ns();
    __atomic_store_n(&question, number, __ATOMIC_RELEASE);
    for (unsigned looks = 1; __atomic_load_n(&answered, __ATOMIC_ACQUIRE) != number; looks++) {
        if (looks % LOOKS_BY_THE_CLOCK == 0 && time_now_ns() - start_ns > ANSWER_NS) {
            return false;
        }
        pause();
    }
    return true;
}

static bool measure(uint32_t *number, struct offset *best)
{
    *best = (struct offset){.half_width = UINT64_MAX};
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t before = rdtsc();
        if (!ask(++*number)) {
            return false;
        }
        uint64_t width = rdtsc() - before;
        if (width / 2 < best->half_width) {
            *best = (struct offset){.ticks = (int64_t)(answer - (before + width / 2)),
                                    .half_width = width / 2 + 1};
        }
    }
    return true;
}

static bool is_synchronous(struct offset offset)
{
    uint64_t distance = offset.ticks < 0 ? 0 - (uint64_t)offset.ticks : (uint64_t)offset.ticks;
    return distance <= offset.half_width;
}

// Corrects the follower's TSC by that offset, and measures again.
static bool lead_correction(unsigned cpu, uint32_t *number, struct offset offset)
{
    struct offset left;
    correction = -offset.ticks;
    if (!ask(++*number)) {
        return false;
    }
    correction = 0;
    if (!measure(number, &left)) {
        return false;
    }
    log_line("CPU %u: TSC was %s by %llu ticks%s", cpu, offset.ticks < 0 ? "behind" : "ahead",
             (unsigned long long)(offset.ticks < 0 ? -offset.ticks : offset.ticks),
             is_synchronous(left) ? ", corrected" : " and cannot be corrected");
    return true;
}

bool tsc_sync_lead(unsigned cpu)
{
    uint32_t number = 0;
    struct offset offset;
    if (!measure(&number, &offset)) {
        return false;
    }
    if (!is_synchronous(offset) && !lead_correction(cpu, &number, offset)) {
        return false;
    }
    is_last = true;
    return ask(++number);
}

static void correct(void)
{
    if (correction == 0) {
        return;
    }
    if ((cpuid_checked(CPUID_STRUCTURED_FEATURES, 0).ebx & CPUID_7_EBX_TSC_ADJUST) &&
        !feature_is_off(OPTIONAL_TSC_ADJUST)) {
        wrmsr(IA32_TSC_ADJUST, rdmsr(IA32_TSC_ADJUST) + (uint64_t)correction);
    } else {
        wrmsr(IA32_TSC, rdtsc() + (uint64_t)correction);
    }
}

void tsc_sync_follow(void)
{
    for (uint32_t number = 1;; number++) {
        while (__atomic_load_n(&question, __ATOMIC_ACQUIRE) != number) {
            pause();
        }
        bool last = is_last;
        correct();
        answer = rdtsc();
        __atomic_store_n(&answered, number, __ATOMIC_RELEASE);
        if (last) {
            return;
        }
    }
}
