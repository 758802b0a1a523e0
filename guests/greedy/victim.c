// SPDX-License-Identifier: MIT
// A VM that computes, and tells which share of the time it had and how long it had none.
#include "guests/greedy/victim.h"

#include "guests/greedy/time.h"
#include "guests/lib/apic.h"
#include "guests/lib/options.h"
#include "guests/lib/print.h"
#include "guests/lib/sort.h"

#define ROUNDS_A_LOOK 500U // between two readings of the TSC, which are slow in QEMU
#define GAPS_MAX 4096U
#define GAP_TICKS 40U // more than this is no round of the loop

struct record {
    uint64_t looks;
    uint64_t ticks;
    uint64_t shortest; // between two looks
    uint64_t longest;
};

static void compute(struct record *record, uint64_t duration)
{
    const uint64_t start = tsc_read();
    uint64_t now = start;
    *record = (struct record){.shortest = UINT64_MAX};
    do {
        for (unsigned i = 0; i < ROUNDS_A_LOOK; i++) {
            __asm__ volatile("" ::: "memory");
        }
        const uint64_t last = now;
        now = tsc_read();
        record->shortest = MIN(record->shortest, now - last);
        record->longest = MAX(record->longest, now - last);
        record->looks++;
    } while (now - start < duration);
    record->ticks = now - start;
}

uint8_t victim_compute(const char *line)
{
    const uint64_t least = option_number(line, "share", 0);
    const uint64_t most = option_number(line, "most", UINT64_MAX);
    const uint64_t longest_us = option_number(line, "gap", UINT64_MAX);
    struct record record;
    print("greedy: victim begins\n");
    cpu_interrupts_on();
    compute(&record, time_ticks(option_number(line, "ms", 100) * 1000));
    const uint64_t share = record.looks * record.shortest * 1000 / MAX(record.ticks, 1U);
    const uint64_t gap_us = time_us(record.longest);
    const bool good = share >= least && share <= most && gap_us <= longest_us;
    if (option_given(line, "share") && good) {
        print("greedy: victim: ok\n");
        return 0;
    }
    print("greedy: victim: share %lu, longest gap %lu us\n", share, gap_us);
    return option_given(line, "share") ? 1 : 0;
}

static uint32_t gaps[GAPS_MAX];

// A timer is due in the middle of each period, so that no new one replaces it before.
static unsigned count_gaps(uint64_t duration, uint64_t period)
{
    unsigned count = 0;
    const uint64_t end = tsc_read() + duration;
    uint64_t next = period == 0 ? UINT64_MAX : 0;
    for (uint64_t now = 0, last = tsc_read(); last < end && count < GAPS_MAX; last = now) {
        now = tsc_read();
        if (now - last > GAP_TICKS) {
            gaps[count++] = (uint32_t)(now - last);
        }
        if (now >= next) {
            next = now + period;
            time_wake_at(now + period / 2);
            now = tsc_read();
        }
    }
    return count;
}

uint8_t victim_count_gaps(const char *line)
{
    const uint64_t period = time_ticks(option_number(line, "period", 0));
    apic_set_mode(APIC_MODE_XAPIC);
    const unsigned count = count_gaps(time_ticks(option_number(line, "ms", 100) * 1000), period);
    if (count == 0) {
        print("greedy: gaps: 0 times\n");
        return 0;
    }
    sort_numbers(gaps, count);
    print("greedy: gaps: %u times, %u %u %u ticks\n", count, gaps[count / 2],
          gaps[(count - 1) * 99 / 100], gaps[count - 1]);
    return 0;
}
