// SPDX-License-Identifier: MIT
// The model of a PC's 8254: its ports, port 0x61, and the edges of channel 0 in real time.
#include "vmm/devices/pit.h"

#include "vmm/devices/device.h"
#include "vmm/devices/pit_channel.h"
#include "vmm/util/types.h"

#define CONTROL_PORT 3
#define SPEAKER_CHANNEL 2
// Channel 1 toggled the refresh bit of the first PCs about every 15 us: 18 ticks.
#define REFRESH_TICKS 18

enum pit_bits {
    CONTROL_CHANNEL_SHIFT = 6,
    CONTROL_READ_BACK = 3, // in place of a channel number
    CONTROL_ACCESS = 0x30, // 0: counter latch command
    READ_BACK_NO_COUNT = BIT(5),
    READ_BACK_NO_STATUS = BIT(4),
    READ_BACK_CHANNEL_0 = BIT(1),
    PORT61_GATE2 = BIT(0),
    PORT61_WRITABLE = 0x0f,
    PORT61_REFRESH = BIT(4),
    PORT61_OUT2 = BIT(5),
};

// Whole seconds and the rest are converted separately. So nothing overflows, nothing is rounded
// twice, and there is no drift. The compiler turns divisions by constants into multiplications.
static uint64_t ns_to_ticks(uint64_t ns)
{
    return ns / NS_PER_S * PIT_HZ + ns % NS_PER_S * PIT_HZ / NS_PER_S;
}

// The first ns that belongs to `tick`.
static uint64_t tick_to_ns(uint64_t tick)
{
    if (tick > ns_to_ticks(UINT64_MAX - NS_PER_S)) {
        return NEVER_NS;
    }
    return tick / PIT_HZ * NS_PER_S + (tick % PIT_HZ * NS_PER_S + PIT_HZ - 1) / PIT_HZ;
}

static uint64_t tick_at(const struct pit *pit, uint64_t now_ns)
{
    return MAX(ns_to_ticks(now_ns), pit->tick);
}

static void set_line(struct pit *pit, bool level)
{
    if (level == pit->line_level) {
        return;
    }
    pit->line_level = level;
    irq_line_set(pit->line, level);
}

static void advance_to(struct pit *pit, uint64_t tick)
{
    if (pit_channel_next_rise(&pit->channel[0], pit->tick) <= tick) {
        set_line(pit, false);
        set_line(pit, true);
    }
    pit->tick = tick;
    set_line(pit, pit_channel_output(&pit->channel[0], tick));
}

void pit_advance(struct pit *pit, uint64_t now_ns)
{
    advance_to(pit, tick_at(pit, now_ns));
}

uint64_t pit_next_event_ns(const struct pit *pit, uint64_t now_ns)
{
    // An edge since the last advance is due now.
    uint64_t rise = pit_channel_next_rise(&pit->channel[0], pit->tick);
    return rise == PIT_NEVER ? NEVER_NS : MAX(tick_to_ns(rise), now_ns);
}

uint8_t pit_read(struct pit *pit, unsigned offset, uint64_t now_ns)
{
    offset &= PIT_PORTS - 1;
    if (offset == CONTROL_PORT) {
        return 0xff; // write-only
    }
    return pit_channel_read(&pit->channel[offset], tick_at(pit, now_ns));
}

static void read_back(struct pit *pit, uint8_t command, uint64_t tick)
{
    for (unsigned i = 0; i < ARRAY_SIZE(pit->channel); i++) {
        if (!(command & READ_BACK_CHANNEL_0 << i)) {
            continue;
        }
        if (!(command & READ_BACK_NO_COUNT)) {
            pit_channel_latch_count(&pit->channel[i], tick);
        }
        if (!(command & READ_BACK_NO_STATUS)) {
            pit_channel_latch_status(&pit->channel[i], tick);
        }
    }
}

static void write_control(struct pit *pit, uint8_t value, uint64_t tick)
{
    unsigned which = value >> CONTROL_CHANNEL_SHIFT;
    if (which == CONTROL_READ_BACK) {
        read_back(pit, value, tick);
    } else if (value & CONTROL_ACCESS) {
        pit_channel_control(&pit->channel[which], value, tick);
    } else {
        pit_channel_latch_count(&pit->channel[which], tick);
    }
}

void pit_write(struct pit *pit, unsigned offset, uint8_t value, uint64_t now_ns)
{
    uint64_t tick = tick_at(pit, now_ns);
    advance_to(pit, tick); // with the old settings
    offset &= PIT_PORTS - 1;
    if (offset == CONTROL_PORT) {
        write_control(pit, value, tick);
    } else {
        pit_channel_write(&pit->channel[offset], value, tick);
    }
    set_line(pit, pit_channel_output(&pit->channel[0], tick));
}

uint8_t pit_port61_read(struct pit *pit, uint64_t now_ns)
{
    uint64_t tick = tick_at(pit, now_ns);
    unsigned value = pit->port61;
    if (tick / REFRESH_TICKS & 1) {
        value |= PORT61_REFRESH;
    }
    if (pit_channel_output(&pit->channel[SPEAKER_CHANNEL], tick)) {
        value |= PORT61_OUT2;
    }
    return (uint8_t)value;
}

void pit_port61_write(struct pit *pit, uint8_t value, uint64_t now_ns)
{
    pit->port61 = value & PORT61_WRITABLE;
    pit_channel_set_gate(&pit->channel[SPEAKER_CHANNEL], value & PORT61_GATE2,
                         tick_at(pit, now_ns));
}

// The data sheet leaves the state after power-up open. Here no channel counts before it is
// programmed.
void pit_reset(struct pit *pit)
{
    for (unsigned i = 0; i < ARRAY_SIZE(pit->channel); i++) {
        pit_channel_init(&pit->channel[i], i != SPEAKER_CHANNEL);
    }
    pit->port61 = 0;
    set_line(pit, false);
}

void pit_init(struct pit *pit, struct irq_line *line)
{
    *pit = (struct pit){.line = line};
    pit_reset(pit);
}
