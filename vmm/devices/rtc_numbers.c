// SPDX-License-Identifier: MIT
// How the registers of the RTC hold numbers: BCD or binary, hours of a 12-hour or 24-hour clock.
#include "vmm/devices/rtc_numbers.h"

#include "vmm/devices/rtc.h"
#include "vmm/devices/rtc_private.h"
#include "vmm/util/types.h"

uint8_t rtc_encode(const struct rtc *rtc, unsigned value)
{
    if (rtc->bytes[RTC_B] & B_BINARY) {
        return (uint8_t)value;
    }
    return (uint8_t)(value / 10 % 10 << 4 | value % 10);
}

unsigned rtc_decode(const struct rtc *rtc, uint8_t byte)
{
    return rtc->bytes[RTC_B] & B_BINARY ? byte : (unsigned)(byte >> 4) * 10 + (byte & 0xf);
}

unsigned rtc_decode_hour(const struct rtc *rtc, uint8_t byte)
{
    unsigned hour;
    if (rtc->bytes[RTC_B] & B_24H) {
        return rtc_decode(rtc, byte);
    }
    hour = rtc_decode(rtc, byte & (uint8_t)~HOUR_PM);
    if (hour == 0 || hour > 12) {
        return RTC_NO_HOUR;
    }
    return hour % 12 + (byte & HOUR_PM ? 12 : 0);
}

uint8_t rtc_encode_hour(const struct rtc *rtc, unsigned hour)
{
    if (rtc->bytes[RTC_B] & B_24H) {
        return rtc_encode(rtc, hour);
    }
    return rtc_encode(rtc, (hour + 11) % 12 + 1) | (hour >= 12 ? HOUR_PM : 0);
}
