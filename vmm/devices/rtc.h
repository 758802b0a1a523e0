// SPDX-License-Identifier: MIT
// The model of a PC's real-time clock and CMOS memory (Motorola MC146818A data sheet).
#pragma once

#include "vmm/util/types.h"

struct irq_line;

#define RTC_PORTS 2
#define RTC_BYTES 128

struct rtc {
    struct irq_line *line;
    uint8_t index;            // selected by port 0x70
    uint8_t bytes[RTC_BYTES]; // registers and memory
    int64_t epoch_s;          // the date at `epoch_ns`, in seconds since 1970
    uint64_t epoch_ns;        // the start of a second
    uint64_t shown_s;         // `bytes` show the date of this second since `epoch_ns`
    uint64_t seen_ns;         // the flags of register C are right up to this time
    uint8_t weekday_shift; // days by which the guest's day of the week is ahead of the date's, 0-6
    bool line_level;
};

// `wall_s` is the date at `now_ns`, in seconds since 1970-01-01 00:00 UTC. Clears the memory.
void rtc_init(struct rtc *rtc, struct irq_line *line, uint64_t wall_s, uint64_t now_ns);
// A reset of the machine: switches interrupts off. Date and memory stay.
void rtc_reset(struct rtc *rtc);

// Writes the memory sizes (in bytes) and their checksum where a PC's firmware leaves them. The
// first megabyte counts as RAM below 4 GiB.
void rtc_set_memory(struct rtc *rtc, uint64_t below_4g, uint64_t above_4g);

// `offset` 0 is the index (0x70), 1 the data (0x71); only bit 0 counts.
uint8_t rtc_read(struct rtc *rtc, unsigned offset, uint64_t now_ns);
void rtc_write(struct rtc *rtc, unsigned offset, uint8_t value, uint64_t now_ns);
