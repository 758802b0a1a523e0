// SPDX-License-Identifier: MIT
// Gives a CPU that starts the same TSC as the first one.
#pragma once

// Call it on the first CPU before the other one runs.
void tsc_sync_prepare(void);
// Run at the same time: lead on the first CPU, follow on the one that starts. If the TSCs differ by
// more than the uncertainty of the measurement, the follower's is corrected, and the log says so.
void tsc_sync_lead(unsigned cpu);
void tsc_sync_follow(void);
