// SPDX-License-Identifier: MIT
// Converts dates of the Gregorian calendar to seconds since 1970, and back.
#pragma once

#include "vmm/util/types.h"

struct rtc_date {
    unsigned year;    // 0 and up
    unsigned month;   // 1 to 12
    unsigned day;     // 1 to 31
    unsigned hour;    // 0 to 23
    unsigned minute;  // 0 to 59
    unsigned second;  // 0 to 59
    unsigned weekday; // 1 to 7, from Sunday
};

// Fields out of range carry over: 31 April is 1 May. `weekday` does not count.
int64_t rtc_date_to_seconds(const struct rtc_date *date);
// `seconds` must not be before the year 0.
void rtc_date_from_seconds(int64_t seconds, struct rtc_date *date);
