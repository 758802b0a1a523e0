// SPDX-License-Identifier: MIT
// The time of day in the MC146818 real-time clock.
#include "guests/lib/rtc.h"

#include "guests/lib/port.h"

enum cmos_register {
    CMOS_SECONDS = 0x00,
    CMOS_MINUTES = 0x02,
    CMOS_HOURS = 0x04,
    CMOS_STATUS_A = 0x0a,
    CMOS_STATUS_B = 0x0b,
};

#define STATUS_A_UPDATING BIT(7)
#define STATUS_B_BINARY BIT(2)
#define STATUS_B_24_HOURS BIT(1)
#define HOURS_PM BIT(7)

uint8_t cmos_read(uint8_t index)
{
    out8(CMOS_INDEX, index);
    return in8(CMOS_DATA);
}

static uint32_t to_binary(uint8_t value, uint8_t status_b)
{
    return (status_b & STATUS_B_BINARY) != 0 ? value : (value >> 4) * 10U + (value & 0xf);
}

static uint32_t read_once(void)
{
    const uint8_t status_b = cmos_read(CMOS_STATUS_B);
    const uint8_t raw_hours = cmos_read(CMOS_HOURS);
    uint32_t hours = to_binary((uint8_t)(raw_hours & ~HOURS_PM), status_b);
    if ((status_b & STATUS_B_24_HOURS) == 0) {
        hours = hours % 12 + ((raw_hours & HOURS_PM) != 0 ? 12 : 0);
    }
    const uint32_t minutes = to_binary(cmos_read(CMOS_MINUTES), status_b);
    return (hours * 60 + minutes) * 60 + to_binary(cmos_read(CMOS_SECONDS), status_b);
}

uint32_t rtc_second_of_day(void)
{
    uint32_t first;
    uint32_t second;
    do {
        while ((cmos_read(CMOS_STATUS_A) & STATUS_A_UPDATING) != 0) {
        }
        first = read_once();
        second = read_once();
    } while (first != second);
    return first;
}
