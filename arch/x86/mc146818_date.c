// SPDX-License-Identifier: MIT
// The RTC's registers as seconds since 1970.
#include "arch/x86/mc146818_date.h"

#include "vmm/util/types.h"

#define CENTURY_DEFAULT 20
#define YEAR_FIRST 1970
#define SECONDS_PER_DAY 86400ULL
#define DAYS_PER_YEAR 365ULL

// False where a digit is above 9.
static bool decode(uint8_t status_b, uint8_t *value)
{
    if (status_b & RTC_BINARY) {
        return true;
    }
    if ((*value & 0xf) > 9 || *value >> 4 > 9) {
        return false;
    }
    *value = (uint8_t)((*value >> 4) * 10 + (*value & 0xf));
    return true;
}

static bool decode_hour(uint8_t status_b, uint8_t *hour)
{
    bool afternoon = false;
    if ((status_b & RTC_24_HOURS) == 0) {
        afternoon = (*hour & RTC_PM) != 0;
        *hour &= (uint8_t)~RTC_PM;
    }
    if (!decode(status_b, hour)) {
        return false;
    }
    if (status_b & RTC_24_HOURS) {
        return *hour <= 23;
    }
    if (*hour < 1 || *hour > 12) {
        return false;
    }
    *hour = (uint8_t)(*hour % 12 + (afternoon ? 12 : 0)); // 12 AM is midnight
    return true;
}

static bool decode_all(struct mc146818_registers *rtc)
{
    if (!decode_hour(rtc->status_b, &rtc->hour)) {
        return false;
    }
    return decode(rtc->status_b, &rtc->second) && decode(rtc->status_b, &rtc->minute) &&
           decode(rtc->status_b, &rtc->day) && decode(rtc->status_b, &rtc->month) &&
           decode(rtc->status_b, &rtc->year) &&
           (!rtc->has_century || decode(rtc->status_b, &rtc->century));
}

static bool is_leap(unsigned year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

// Days from 1970-01-01.
static uint64_t days_until(unsigned year, unsigned month, unsigned day)
{
    uint64_t days = day - 1;
    for (unsigned y = YEAR_FIRST; y < year; y++) {
        days += DAYS_PER_YEAR + is_leap(y);
    }
    for (unsigned m = 1; m < month; m++) {
        days += days_in_month(year, m);
    }
    return days;
}

bool mc146818_date_seconds(const struct mc146818_registers *raw, uint64_t *seconds)
{
    struct mc146818_registers rtc = *raw;
    if (!decode_all(&rtc)) {
        return false;
    }
    unsigned year = (rtc.has_century ? rtc.century : CENTURY_DEFAULT) * 100u + rtc.year;
    if (rtc.second > 59 || rtc.minute > 59 || rtc.year > 99 || year < YEAR_FIRST) {
        return false;
    }
    if (rtc.month < 1 || rtc.month > 12 || rtc.day < 1 ||
        rtc.day > days_in_month(year, rtc.month)) {
        return false;
    }
    uint64_t of_day = (rtc.hour * 60ULL + rtc.minute) * 60 + rtc.second;
    *seconds = days_until(year, rtc.month, rtc.day) * SECONDS_PER_DAY + of_day;
    return true;
}
