// SPDX-License-Identifier: MIT
// The time of day in the MC146818 real-time clock.
#pragma once

#include "vmm/util/types.h"

#define CMOS_INDEX 0x70
#define CMOS_DATA 0x71
#define SECONDS_A_DAY 86400U

uint8_t cmos_read(uint8_t index);

// Seconds since midnight.
uint32_t rtc_second_of_day(void);
