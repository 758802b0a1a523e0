// SPDX-License-Identifier: MIT
// Gives a CPU that starts the same TSC as the first one.
#pragma once

#include "vmm/util/types.h"

// Call it on the first CPU before the other one runs.
void tsc_sync_prepare(void);
// Run at the same time: lead on the first CPU, follow on the one that starts. If the TSCs differ by
// more than the uncertainty of the measurement, the follower's is corrected, and the log says so.
// tsc_sync_lead returns false if the follower does not answer within a second. The follower must
// then be stopped by INIT, because it may come late and answer in another CPU's place.
MUST_CHECK bool tsc_sync_lead(unsigned cpu);
void tsc_sync_follow(void);
