// SPDX-License-Identifier: MIT
// Takes the time of an operation: warm-up, rounds, median.
#include "guests/bench/sample.h"

#include "guests/lib/print.h"

uint32_t bench_samples[BENCH_ROUNDS];

// Shell sort with Knuth's gaps: short, in place, and quick enough for a thousand samples.
static void sort_samples(void)
{
    for (unsigned gap = 364; gap > 0; gap /= 3) {
        for (unsigned i = gap; i < BENCH_ROUNDS; i++) {
            const uint32_t value = bench_samples[i];
            unsigned at = i;
            for (; at >= gap && bench_samples[at - gap] > value; at -= gap) {
                bench_samples[at] = bench_samples[at - gap];
            }
            bench_samples[at] = value;
        }
    }
}

void bench_report(const char *name)
{
    static uint32_t empty; // 0 until the empty measurement is reported
    sort_samples();
    const uint32_t median = bench_samples[BENCH_ROUNDS / 2];
    print("bench: %s %u\n", name, median > empty ? median - empty : 0);
    if (empty == 0) {
        empty = median;
    }
}

void bench_report_missing(const char *name)
{
    print("bench: %s missing\n", name);
}
