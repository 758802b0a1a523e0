// SPDX-License-Identifier: MIT
// The calendar. Its years begin on 1 March, so that the leap day is the last day of a year.
#include "vmm/devices/rtc_date.h"

#define DAY_SECONDS 86400
#define CYCLE_YEARS 400 // after which the calendar repeats
#define CYCLE_DAYS 146097LL
// From 1 March of the year -400 to 1 January 1970.
#define EPOCH_DAY 865565
#define EPOCH_WEEKDAY 4 // a Thursday, Sunday being 0

// Days before month `month` of such a year; March is month 0. Lengths of 31 and 30 days alternate
// within each group of five months.
static int64_t days_before_month(int64_t month)
{
    return (153 * month + 2) / 5;
}

static int64_t days_before_year(int64_t year)
{
    return 365 * year + year / 4 - year / 100 + year / 400;
}

int64_t rtc_date_to_seconds(const struct rtc_date *date)
{
    int64_t year = (int64_t)date->year + CYCLE_YEARS;
    int64_t month = (int64_t)date->month - 3;
    int64_t days;
    if (month < 0) { // January and February belong to the year before
        month += 12;
        year--;
    }
    days = days_before_year(year) + days_before_month(month) + date->day - 1 - EPOCH_DAY;
    return days * DAY_SECONDS + (int64_t)date->hour * 3600 + (int64_t)date->minute * 60 +
           date->second;
}

static void set_day(int64_t days, struct rtc_date *date)
{
    int64_t rest = days % CYCLE_DAYS;
    int64_t year = (rest - rest / 1460 + rest / 36524 - rest / (CYCLE_DAYS - 1)) / 365;
    int64_t month;
    rest -= days_before_year(year);
    month = (5 * rest + 2) / 153;
    year += days / CYCLE_DAYS * CYCLE_YEARS - CYCLE_YEARS;
    date->day = (unsigned)(rest - days_before_month(month) + 1);
    date->month = (unsigned)(month < 10 ? month + 3 : month - 9);
    date->year = (unsigned)(month < 10 ? year : year + 1);
    date->weekday = (unsigned)((days + CYCLE_DAYS * 7 - EPOCH_DAY + EPOCH_WEEKDAY) % 7) + 1;
}

void rtc_date_from_seconds(int64_t seconds, struct rtc_date *date)
{
    // The count begins with the year -400, so nothing here is negative.
    uint64_t since = (uint64_t)(seconds + (int64_t)EPOCH_DAY * DAY_SECONDS);
    unsigned of_day = (unsigned)(since % DAY_SECONDS);
    set_day((int64_t)(since / DAY_SECONDS), date);
    date->hour = of_day / 3600;
    date->minute = of_day / 60 % 60;
    date->second = of_day % 60;
}
