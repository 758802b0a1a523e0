// SPDX-License-Identifier: MIT
// What the files of the RTC model share among themselves.
#pragma once

#include "vmm/devices/rtc.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/types.h"

enum rtc_byte {
    RTC_SECOND = 0x00,
    RTC_SECOND_ALARM = 0x01,
    RTC_MINUTE = 0x02,
    RTC_MINUTE_ALARM = 0x03,
    RTC_HOUR = 0x04,
    RTC_HOUR_ALARM = 0x05,
    RTC_WEEKDAY = 0x06,
    RTC_DAY = 0x07,
    RTC_MONTH = 0x08,
    RTC_YEAR = 0x09,
    RTC_A = 0x0a,
    RTC_B = 0x0b,
    RTC_C = 0x0c,
    RTC_D = 0x0d,
    RTC_CENTURY = 0x32,
};

enum rtc_bits {
    INDEX_MASK = 0x7f, // bit 7 of port 0x70 masks NMI
    A_RATE = 0x0f,
    A_DIVIDER_RESET = 0x60, // both bits: hold the divider
    A_UIP = BIT(7),
    A_RESET = 0x26, // 32768 Hz crystal, 1024 Hz rate
    B_24H = BIT(1),
    B_BINARY = BIT(2),
    B_UIE = BIT(4),
    B_AIE = BIT(5),
    B_PIE = BIT(6),
    B_SET = BIT(7),
    C_UF = BIT(4), // the same bits as the enable bits in B
    C_AF = BIT(5),
    C_PF = BIT(6),
    C_IRQF = BIT(7),
    C_FLAGS = 0x70,
    D_VALID = BIT(7),
    HOUR_PM = BIT(7),
    ALARM_ANY = 0xc0, // both bits: the field matches every value
    EQUIPMENT_FPU_KEYBOARD_VGA = 0x06,
};

static inline bool rtc_divider_held(const struct rtc *rtc)
{
    return (rtc->bytes[RTC_A] & A_DIVIDER_RESET) == A_DIVIDER_RESET;
}

static inline bool rtc_is_running(const struct rtc *rtc)
{
    return !(rtc->bytes[RTC_B] & B_SET) && !rtc_divider_held(rtc);
}

// The subtraction may wrap, which is right: a second may have begun before time 0.
static inline uint64_t rtc_seconds_since_epoch(const struct rtc *rtc, uint64_t ns)
{
    return (ns - rtc->epoch_ns) / NS_PER_S;
}
