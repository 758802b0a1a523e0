// SPDX-License-Identifier: MIT
// Takes the time of an operation: warm-up, rounds, median.
#include "guests/bench/sample.h"

#include "guests/lib/print.h"
#include "guests/lib/sort.h"

uint32_t bench_samples[BENCH_ROUNDS];

void bench_report(const char *name)
{
    static uint32_t empty; // 0 until the empty measurement is reported
    sort_numbers(bench_samples, BENCH_ROUNDS);
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
