// SPDX-License-Identifier: MIT
// The model of the MC146818A: the date and its registers, control registers, CMOS memory.
#include "vmm/devices/rtc.h"

#include "vmm/devices/device.h"
#include "vmm/devices/rtc_date.h"
#include "vmm/devices/rtc_interrupts.h"
#include "vmm/devices/rtc_numbers.h"
#include "vmm/devices/rtc_private.h"
#include "vmm/util/types.h"

#define UIP_NS 244141             // how long before an update UIP is set: 8 cycles of 32768 Hz
#define RELEASE_NS (NS_PER_S / 2) // from the end of a divider reset to the first update
#define WEEKDAYS 7
#define NOT_SHOWN UINT64_MAX

enum rtc_port { RTC_INDEX, RTC_DATA };

// The bytes in which a PC's firmware keeps its findings.
enum cmos_byte {
    CMOS_EQUIPMENT = 0x14,
    CMOS_BASE_KB = 0x15,
    CMOS_EXTENDED_KB = 0x17,
    CMOS_CHECKED_FIRST = 0x10,
    CMOS_CHECKED_LAST = 0x2d,
    CMOS_CHECKSUM = 0x2e,
    CMOS_EXTENDED_KB_2 = 0x30,
    CMOS_ABOVE_16M = 0x34, // units of 64 KiB
    CMOS_ABOVE_4G = 0x5b,  // units of 64 KiB, three bytes
};

static bool is_date_byte(unsigned index)
{
    switch (index) {
    case RTC_SECOND:
    case RTC_MINUTE:
    case RTC_HOUR:
    case RTC_WEEKDAY:
    case RTC_DAY:
    case RTC_MONTH:
    case RTC_YEAR:
    case RTC_CENTURY:
        return true;
    default:
        return false;
    }
}

// Copies the clock into the registers. While the clock stands still, the registers keep what is
// written to them. Within a second they do not change, so that a guest can set the date byte by
// byte while the clock runs.
static void show_date(struct rtc *rtc, uint64_t now_ns)
{
    uint64_t seconds = rtc_seconds_since_epoch(rtc, now_ns);
    struct rtc_date date;
    uint8_t *bytes = rtc->bytes;
    if (!rtc_is_running(rtc) || seconds == rtc->shown_s) {
        return;
    }
    rtc->shown_s = seconds;
    rtc_date_from_seconds(rtc->epoch_s + (int64_t)seconds, &date);
    bytes[RTC_SECOND] = rtc_encode(rtc, date.second);
    bytes[RTC_MINUTE] = rtc_encode(rtc, date.minute);
    bytes[RTC_HOUR] = rtc_encode_hour(rtc, date.hour);
    bytes[RTC_WEEKDAY] = rtc_encode(rtc, (date.weekday - 1 + rtc->weekday_shift) % WEEKDAYS + 1);
    bytes[RTC_DAY] = rtc_encode(rtc, date.day);
    bytes[RTC_MONTH] = rtc_encode(rtc, date.month);
    bytes[RTC_YEAR] = rtc_encode(rtc, date.year % 100);
    bytes[RTC_CENTURY] = rtc_encode(rtc, date.year / 100);
}

// Copies the registers into the clock. The fraction of the second stays: the divider goes on.
static void take_date(struct rtc *rtc, uint64_t now_ns)
{
    const uint8_t *bytes = rtc->bytes;
    unsigned weekday = rtc_decode(rtc, bytes[RTC_WEEKDAY]);
    struct rtc_date date = {
        .year = rtc_decode(rtc, bytes[RTC_CENTURY]) * 100 + rtc_decode(rtc, bytes[RTC_YEAR]),
        .month = rtc_decode(rtc, bytes[RTC_MONTH]),
        .day = rtc_decode(rtc, bytes[RTC_DAY]),
        .hour = rtc_decode_hour(rtc, bytes[RTC_HOUR]),
        .minute = rtc_decode(rtc, bytes[RTC_MINUTE]),
        .second = rtc_decode(rtc, bytes[RTC_SECOND]),
    };
    rtc->epoch_ns += rtc_seconds_since_epoch(rtc, now_ns) * NS_PER_S;
    rtc->shown_s = 0;
    rtc->epoch_s = rtc_date_to_seconds(&date);
    rtc_date_from_seconds(rtc->epoch_s, &date);
    rtc->weekday_shift = (uint8_t)((weekday + WEEKDAYS - date.weekday) % WEEKDAYS);
}

static uint8_t read_c(struct rtc *rtc)
{
    uint8_t value = rtc->bytes[RTC_C];
    rtc->bytes[RTC_C] = 0;
    rtc_update_line(rtc);
    return value;
}

static uint8_t read_a(const struct rtc *rtc, uint64_t now_ns)
{
    uint64_t within = (now_ns - rtc->epoch_ns) % NS_PER_S;
    bool updating = rtc_is_running(rtc) && within >= NS_PER_S - UIP_NS;
    return rtc->bytes[RTC_A] | (updating ? A_UIP : 0);
}

uint8_t rtc_read(struct rtc *rtc, unsigned offset, uint64_t now_ns)
{
    now_ns = MAX(now_ns, rtc->seen_ns);
    if ((offset & 1) == RTC_INDEX) {
        return 0xff; // write-only
    }
    switch (rtc->index) {
    case RTC_A:
        return read_a(rtc, now_ns);
    case RTC_C:
        rtc_catch_up(rtc, now_ns);
        return read_c(rtc);
    case RTC_D:
        return D_VALID;
    default:
        if (is_date_byte(rtc->index)) {
            show_date(rtc, now_ns);
        }
        return rtc->bytes[rtc->index];
    }
}

// Writes registers A and B, which stop, start or reset the clock.
static void write_control(struct rtc *rtc, uint8_t value, uint64_t now_ns)
{
    bool was_running = rtc_is_running(rtc);
    bool was_held = rtc_divider_held(rtc);
    show_date(rtc, now_ns);
    if (rtc->index == RTC_A) {
        rtc->bytes[RTC_A] = value & (uint8_t)~A_UIP;
    } else { // setting SET clears UIE (data sheet)
        rtc->bytes[RTC_B] = value & B_SET ? value & (uint8_t)~B_UIE : value;
    }
    if (was_held && !rtc_divider_held(rtc)) {
        rtc->epoch_ns = now_ns - RELEASE_NS;
    }
    if (!was_running && rtc_is_running(rtc)) {
        take_date(rtc, now_ns);
    } else {
        rtc->shown_s = NOT_SHOWN; // register B may have changed the format of numbers
    }
    rtc_update_line(rtc);
}

static void write_data(struct rtc *rtc, uint8_t value, uint64_t now_ns)
{
    rtc_catch_up(rtc, now_ns); // with the old settings
    if (rtc->index == RTC_A || rtc->index == RTC_B) {
        write_control(rtc, value, now_ns);
    } else if (is_date_byte(rtc->index)) {
        show_date(rtc, now_ns);
        rtc->bytes[rtc->index] = value;
        if (rtc_is_running(rtc)) {
            take_date(rtc, now_ns);
        }
    } else if (rtc->index != RTC_C && rtc->index != RTC_D) {
        rtc->bytes[rtc->index] = value;
    }
}

void rtc_write(struct rtc *rtc, unsigned offset, uint8_t value, uint64_t now_ns)
{
    if ((offset & 1) == RTC_INDEX) {
        rtc->index = value & INDEX_MASK;
    } else {
        write_data(rtc, value, MAX(now_ns, rtc->seen_ns));
    }
}

static void set_word(struct rtc *rtc, unsigned index, uint64_t value)
{
    value = MIN(value, 0xffffULL);
    rtc->bytes[index] = (uint8_t)value;
    rtc->bytes[index + 1] = (uint8_t)(value >> 8);
}

void rtc_set_memory(struct rtc *rtc, uint64_t below_4g, uint64_t above_4g)
{
    uint64_t extended = below_4g > MIB ? below_4g - MIB : 0;
    uint64_t above_16m = below_4g > 16 * MIB ? below_4g - 16 * MIB : 0;
    uint64_t high = MIN(above_4g / (64 * KIB), 0xffffffULL);
    unsigned sum = 0;
    rtc->bytes[CMOS_EQUIPMENT] = EQUIPMENT_FPU_KEYBOARD_VGA;
    set_word(rtc, CMOS_BASE_KB, MIN(below_4g, 640 * KIB) / KIB);
    set_word(rtc, CMOS_EXTENDED_KB, extended / KIB);
    set_word(rtc, CMOS_EXTENDED_KB_2, extended / KIB);
    set_word(rtc, CMOS_ABOVE_16M, above_16m / (64 * KIB));
    for (unsigned i = 0; i < 3; i++) {
        rtc->bytes[CMOS_ABOVE_4G + i] = (uint8_t)(high >> 8 * i);
    }
    for (unsigned i = CMOS_CHECKED_FIRST; i <= CMOS_CHECKED_LAST; i++) {
        sum += rtc->bytes[i];
    }
    rtc->bytes[CMOS_CHECKSUM] = (uint8_t)(sum >> 8); // high byte first
    rtc->bytes[CMOS_CHECKSUM + 1] = (uint8_t)sum;
}

// The RESET pin clears the enable bits and the flags (data sheet).
void rtc_reset(struct rtc *rtc)
{
    rtc->index = 0;
    rtc->bytes[RTC_B] &= (uint8_t) ~(B_PIE | B_AIE | B_UIE);
    rtc->bytes[RTC_C] = 0;
    rtc_update_line(rtc);
}

void rtc_init(struct rtc *rtc, struct irq_line *line, uint64_t wall_s, uint64_t now_ns)
{
    *rtc = (struct rtc){
        .line = line,
        .epoch_s = (int64_t)MIN(wall_s, (uint64_t)UINT32_MAX * 16),
        .epoch_ns = now_ns,
        .seen_ns = now_ns,
        .shown_s = NOT_SHOWN,
    };
    rtc->bytes[RTC_A] = A_RESET;
    rtc->bytes[RTC_B] = B_24H;
    show_date(rtc, now_ns);
}
