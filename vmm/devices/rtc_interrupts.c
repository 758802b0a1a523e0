// SPDX-License-Identifier: MIT
// The RTC's periodic, alarm and update-ended interrupts: register C, the line, the next event.
#include "vmm/devices/rtc_interrupts.h"

#include "vmm/devices/device.h"
#include "vmm/devices/rtc.h"
#include "vmm/devices/rtc_date.h"
#include "vmm/devices/rtc_numbers.h"
#include "vmm/devices/rtc_private.h"
#include "vmm/util/types.h"

#define DAY_SECONDS 86400
#define CRYSTAL_SHIFT 15 // 32768 Hz
#define ANY 0xffU        // an alarm field that matches every value

void rtc_update_line(struct rtc *rtc)
{
    bool level = (rtc->bytes[RTC_C] & rtc->bytes[RTC_B] & C_FLAGS) != 0;
    rtc->bytes[RTC_C] = (uint8_t)((rtc->bytes[RTC_C] & C_FLAGS) | (level ? C_IRQF : 0));
    if (level == rtc->line_level) {
        return;
    }
    rtc->line_level = level;
    irq_line_set(rtc->line, level);
}

// log2 of the periodic interrupt's period in ticks of 32768 Hz. Rates 1 and 2 equal rates 8 and 9.
static unsigned period_shift(const struct rtc *rtc)
{
    unsigned rate = rtc->bytes[RTC_A] & A_RATE;
    return rate <= 2 ? rate + 6 : rate - 1;
}

static bool has_period(const struct rtc *rtc)
{
    return (rtc->bytes[RTC_A] & A_RATE) != 0 && !rtc_divider_held(rtc);
}

// Periods since the epoch. Seconds and the rest are converted separately, so nothing overflows or
// drifts.
static uint64_t periods_since_epoch(const struct rtc *rtc, uint64_t ns)
{
    uint64_t since = ns - rtc->epoch_ns;
    uint64_t ticks =
        (since / NS_PER_S << CRYSTAL_SHIFT) + (since % NS_PER_S << CRYSTAL_SHIFT) / NS_PER_S;
    return ticks >> period_shift(rtc);
}

// The time from the epoch to the end of `periods`.
static uint64_t periods_to_ns(const struct rtc *rtc, uint64_t periods)
{
    uint64_t ticks = periods << period_shift(rtc);
    uint64_t rest = (ticks & (BIT(CRYSTAL_SHIFT) - 1)) * NS_PER_S;
    return (ticks >> CRYSTAL_SHIFT) * NS_PER_S + ((rest + BIT(CRYSTAL_SHIFT) - 1) >> CRYSTAL_SHIFT);
}

static bool alarm_fits(unsigned alarm, unsigned value)
{
    return alarm == ANY || alarm == value;
}

// Seconds from `of_day` to the alarm after it, 1 to 86400; 0: never.
static unsigned alarm_delay(const struct rtc *rtc, unsigned of_day)
{
    const uint8_t *bytes = rtc->bytes;
    unsigned alarm[3];
    for (unsigned i = 0; i < ARRAY_SIZE(alarm); i++) {
        uint8_t byte = bytes[RTC_SECOND_ALARM + 2 * i];
        bool any = (byte & ALARM_ANY) == ALARM_ANY;
        unsigned value = i == 2 ? rtc_decode_hour(rtc, byte) : rtc_decode(rtc, byte);
        alarm[i] = any ? ANY : value;
    }
    // The loop goes in steps of an hour, a minute or a second: about 150 steps at most.
    for (unsigned delay = 1; delay <= DAY_SECONDS;) {
        unsigned at = (of_day + delay) % DAY_SECONDS;
        if (!alarm_fits(alarm[2], at / 3600)) {
            delay += 3600 - at % 3600;
        } else if (!alarm_fits(alarm[1], at / 60 % 60)) {
            delay += 60 - at % 60;
        } else if (!alarm_fits(alarm[0], at % 60)) {
            delay++;
        } else {
            return delay;
        }
    }
    return 0;
}

static unsigned alarm_delay_at(const struct rtc *rtc, uint64_t ns)
{
    struct rtc_date date;
    rtc_date_from_seconds(rtc->epoch_s + (int64_t)rtc_seconds_since_epoch(rtc, ns), &date);
    return alarm_delay(rtc, date.hour * 3600 + date.minute * 60 + date.second);
}

void rtc_catch_up(struct rtc *rtc, uint64_t now_ns)
{
    uint64_t seen_ns = rtc->seen_ns;
    unsigned flags = 0;
    if (now_ns <= seen_ns) {
        return;
    }
    if (has_period(rtc) && periods_since_epoch(rtc, seen_ns) != periods_since_epoch(rtc, now_ns)) {
        flags |= C_PF;
    }
    if (rtc_is_running(rtc)) {
        uint64_t seconds =
            rtc_seconds_since_epoch(rtc, now_ns) - rtc_seconds_since_epoch(rtc, seen_ns);
        unsigned delay = seconds != 0 ? alarm_delay_at(rtc, seen_ns) : 0;
        if (seconds != 0) {
            flags |= C_UF;
        }
        if (delay != 0 && delay <= seconds) {
            flags |= C_AF;
        }
    }
    rtc->seen_ns = now_ns;
    rtc->bytes[RTC_C] |= (uint8_t)flags;
    rtc_update_line(rtc);
}

// Flags whose interrupts are off need no update before the guest reads them.
void rtc_advance(struct rtc *rtc, uint64_t now_ns)
{
    if (rtc->bytes[RTC_B] & C_FLAGS) {
        rtc_catch_up(rtc, now_ns);
    }
}

// The search begins at `seen_ns`, so an overdue interrupt is due now.
uint64_t rtc_next_event_ns(const struct rtc *rtc, uint64_t now_ns)
{
    uint8_t enabled = rtc->bytes[RTC_B];
    uint64_t next = UINT64_MAX; // from the epoch
    uint64_t second;
    if (!(enabled & C_FLAGS) || rtc->line_level) {
        return NEVER_NS; // the line is high and stays high until the guest reads register C
    }
    second = rtc_seconds_since_epoch(rtc, rtc->seen_ns);
    if ((enabled & B_PIE) && has_period(rtc)) {
        next = periods_to_ns(rtc, periods_since_epoch(rtc, rtc->seen_ns) + 1);
    }
    if (rtc_is_running(rtc) && (enabled & B_UIE)) {
        next = MIN(next, (second + 1) * NS_PER_S);
    }
    if (rtc_is_running(rtc) && (enabled & B_AIE)) {
        unsigned delay = alarm_delay_at(rtc, rtc->seen_ns);
        if (delay != 0) {
            next = MIN(next, (second + delay) * NS_PER_S);
        }
    }
    return next == UINT64_MAX ? NEVER_NS : MAX(rtc->epoch_ns + next, now_ns);
}
