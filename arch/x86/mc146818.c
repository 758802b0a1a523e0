// SPDX-License-Identifier: MIT
// Reads all registers of the CMOS clock within one second.
#include "arch/x86/mc146818.h"

#include "arch/x86/instructions.h"
#include "arch/x86/io.h"
#include "arch/x86/mc146818_date.h"
#include "vmm/util/string.h"

#define CMOS_INDEX 0x70
#define CMOS_DATA 0x71
#define CMOS_SIZE 128

#define RTC_SECOND 0x00
#define RTC_MINUTE 0x02
#define RTC_HOUR 0x04
#define RTC_DAY 0x07
#define RTC_MONTH 0x08
#define RTC_YEAR 0x09
#define RTC_STATUS_A 0x0a
#define RTC_STATUS_B 0x0b
#define RTC_UPDATING BIT(7)

#define UPDATE_WAIT_READS 100000 // an update takes 2 ms
#define ATTEMPTS 10
#define SECOND_TICKS_MAX 12000000000ULL // of the TSC: more than a second at any rate

static uint8_t read_cmos(uint8_t index)
{
    outb(CMOS_INDEX, index); // bit 7 clear: NMI enabled
    return inb(CMOS_DATA);
}

static void wait_for_update(void)
{
    for (unsigned i = 0; i < UPDATE_WAIT_READS; i++) {
        if ((read_cmos(RTC_STATUS_A) & RTC_UPDATING) == 0) {
            break;
        }
    }
}

static void read_registers(struct mc146818_registers *rtc, uint8_t century)
{
    wait_for_update();
    *rtc = (struct mc146818_registers){.second = read_cmos(RTC_SECOND),
                                       .minute = read_cmos(RTC_MINUTE),
                                       .hour = read_cmos(RTC_HOUR),
                                       .day = read_cmos(RTC_DAY),
                                       .month = read_cmos(RTC_MONTH),
                                       .year = read_cmos(RTC_YEAR),
                                       .has_century = century != 0 && century < CMOS_SIZE,
                                       .status_b = read_cmos(RTC_STATUS_B)};
    if (rtc->has_century) {
        rtc->century = read_cmos(century);
    }
}

uint64_t mc146818_read(uint8_t century)
{
    struct mc146818_registers first;
    struct mc146818_registers second;
    uint64_t seconds = 0;
    // An update may begin between two reads. Two equal reads show that none did.
    read_registers(&second, century);
    for (unsigned i = 0; i < ATTEMPTS; i++) {
        first = second;
        read_registers(&second, century);
        if (memcmp(&first, &second, sizeof(first)) == 0) {
            break;
        }
    }
    return mc146818_date_seconds(&second, &seconds) ? seconds : 0;
}

static unsigned read_second(void)
{
    wait_for_update();
    uint8_t second = read_cmos(RTC_SECOND);
    return read_cmos(RTC_STATUS_B) & RTC_BINARY ? second : (second >> 4) * 10 + (second & 0xf);
}

// Waits until the second changes. Returns the TSC's value at that time. 0: it does not change.
static uint64_t wait_for_second(unsigned *second)
{
    unsigned before = *second;
    uint64_t start = rdtsc();
    uint64_t now = start;
    while (now - start < SECOND_TICKS_MAX) {
        *second = read_second();
        now = rdtsc();
        if (*second != before) {
            return now;
        }
    }
    return 0;
}

uint64_t mc146818_tsc_hz(void)
{
    unsigned first = read_second();
    uint64_t start = wait_for_second(&first);
    unsigned second = first;
    uint64_t end = start != 0 ? wait_for_second(&second) : 0;
    // The host of a virtual machine may hold it for more than a second.
    uint64_t seconds = (second + 60 - first) % 60;
    return end != 0 && seconds != 0 ? (end - start) / seconds : 0;
}
