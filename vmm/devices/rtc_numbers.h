// SPDX-License-Identifier: MIT
// Numbers in the registers of the RTC model, in the format that register B chooses.
#pragma once

#include "vmm/util/types.h"

struct rtc;

#define RTC_NO_HOUR 0xfeU // for a byte that is no hour on a 12-hour clock

uint8_t rtc_encode(const struct rtc *rtc, unsigned value);
uint8_t rtc_encode_hour(const struct rtc *rtc, unsigned hour);
unsigned rtc_decode(const struct rtc *rtc, uint8_t byte);
// 0 to 23, or RTC_NO_HOUR. On a 24-hour clock the byte is not checked.
unsigned rtc_decode_hour(const struct rtc *rtc, uint8_t byte);
