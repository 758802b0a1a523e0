// SPDX-License-Identifier: MIT
// The model of a PC's 8254 interval timer and of system control port B (0x61).
#pragma once

#include "vmm/devices/pit_channel.h"
#include "vmm/util/types.h"

struct irq_line;

#define PIT_PORTS 4
#define PIT_HZ 1193182

struct pit {
    struct irq_line *line; // OUT of channel 0
    struct pit_channel channel[3];
    uint64_t tick; // edges of channel 0 up to this tick were reported
    bool line_level;
    uint8_t port61; // bits 0 to 3 as written
};

void pit_init(struct pit *pit, struct irq_line *line);
void pit_reset(struct pit *pit);

// `offset` counts from port 0x40: three counters and the control word. Only bits 0 and 1 count.
uint8_t pit_read(struct pit *pit, unsigned offset, uint64_t now_ns);
void pit_write(struct pit *pit, unsigned offset, uint8_t value, uint64_t now_ns);

uint8_t pit_port61_read(struct pit *pit, uint64_t now_ns);
void pit_port61_write(struct pit *pit, uint8_t value, uint64_t now_ns);

// When channel 0 raises its interrupt next; NEVER_NS: it does not.
uint64_t pit_next_event_ns(const struct pit *pit, uint64_t now_ns);
// Brings the line up to date. It gets one edge, even if several periods have passed.
void pit_advance(struct pit *pit, uint64_t now_ns);
