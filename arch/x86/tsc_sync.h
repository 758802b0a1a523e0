// SPDX-License-Identifier: MIT
// Makes a CPU that starts have the same TSC as the first one.
#pragma once

// On the first CPU, before the other one runs.
void tsc_sync_prepare(void);
// At the same time: lead on the first CPU, follow on the one that starts. Where their TSCs differ
// by more than the measurement's uncertainty, the follower's is corrected, and the log says so.
void tsc_sync_lead(unsigned cpu);
void tsc_sync_follow(void);
