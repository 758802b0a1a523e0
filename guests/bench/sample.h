// SPDX-License-Identifier: MIT
// Takes the time of an operation: warm-up, rounds, median.
#pragma once

#include "guests/lib/cpu.h"

#define BENCH_WARM_UP 200
#define BENCH_ROUNDS 1001 // odd: the median is a sample

// The ticks of every round of the running measurement.
extern uint32_t bench_samples[BENCH_ROUNDS];

// Prints the line of the measurement in bench_samples. The first call is for the empty measurement,
// which is printed as it is and subtracted from all others.
void bench_report(const char *name);

// Prints the line of something that this machine does not have.
void bench_report_missing(const char *name);

// Takes one measurement. It is inlined together with `operation`, so that nothing else lies between
// the two readings of the TSC.
static inline __attribute__((always_inline)) void bench_measure(const char *name,
                                                                void (*operation)(void))
{
    for (unsigned i = 0; i < BENCH_WARM_UP + BENCH_ROUNDS; i++) {
        const uint64_t start = tsc_read();
        operation();
        const uint64_t end = tsc_read();
        if (i >= BENCH_WARM_UP) {
            bench_samples[i - BENCH_WARM_UP] = (uint32_t)(end - start);
        }
    }
    bench_report(name);
}
