// SPDX-License-Identifier: MIT
// The date in the registers of the machine's CMOS clock (MC146818).
#pragma once

#include "vmm/util/types.h"

// The clock's registers, as read.
struct mc146818_registers {
    uint8_t second;
    uint8_t minute;
    uint8_t hour;
    uint8_t day;
    uint8_t month;
    uint8_t year;    // of the century
    uint8_t century; // valid if has_century
    bool has_century;
    uint8_t status_b; // RTC_BINARY, RTC_24_HOURS
};

#define RTC_24_HOURS BIT(1)
#define RTC_BINARY BIT(2)
#define RTC_PM BIT(7) // in the hour register, in 12-hour mode

// Converts the registers to seconds since 1970. False if they hold no date.
bool mc146818_date_seconds(const struct mc146818_registers *raw, uint64_t *seconds) MUST_CHECK;
