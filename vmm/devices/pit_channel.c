// SPDX-License-Identifier: MIT
// One counter of an 8254: its six modes as functions of the time since it was loaded.
#include "vmm/devices/pit_channel.h"

enum pit_mode {
    MODE_TERMINAL_COUNT,
    MODE_ONE_SHOT, // retriggerable by the gate
    MODE_RATE,
    MODE_SQUARE,
    MODE_SOFTWARE_STROBE,
    MODE_HARDWARE_STROBE, // triggered by the gate
};

enum pit_channel_bits {
    CONTROL_BCD = BIT(0),
    CONTROL_MODE_SHIFT = 1,
    CONTROL_ACCESS_SHIFT = 4,
    STATUS_NULL_COUNT = BIT(6),
    STATUS_OUT = BIT(7),
    ACCESS_LOW = 1,
    ACCESS_HIGH = 2,
    ACCESS_BOTH = 3,
};

// The count that is in use at some time, and the tick at which it started.
struct run {
    uint64_t start;
    uint32_t reload;
};

static bool is_periodic(const struct pit_channel *channel)
{
    return channel->mode == MODE_RATE || channel->mode == MODE_SQUARE;
}

static bool is_triggered(const struct pit_channel *channel)
{
    return channel->mode == MODE_ONE_SHOT || channel->mode == MODE_HARDWARE_STROBE;
}

static uint32_t modulus(const struct pit_channel *channel)
{
    return channel->bcd ? 10000 : 65536;
}

// Mode 3: OUT is high for this many ticks of a period. With an odd count, high is one tick longer.
static uint32_t high_ticks(uint32_t reload)
{
    return (reload + 1) / 2;
}

static struct run run_at(const struct pit_channel *channel, uint64_t tick)
{
    if (tick >= channel->switch_tick && channel->next_reload != 0) {
        return (struct run){channel->next_start, channel->next_reload};
    }
    return (struct run){channel->start, channel->reload};
}

// A start may be up to one period before tick 0, or one tick after now: the difference is signed.
static uint64_t elapsed_at(const struct pit_channel *channel, uint64_t start, uint64_t tick)
{
    if (!channel->counting) {
        return channel->elapsed;
    }
    return (int64_t)(tick - start) < 0 ? 0 : tick - start;
}

static void apply_switch(struct pit_channel *channel, uint64_t tick)
{
    if (tick < channel->switch_tick) {
        return;
    }
    channel->start = channel->next_start;
    channel->reload = channel->next_reload;
    channel->next_reload = 0;
    channel->switch_tick = PIT_NEVER;
}

// The next clock pulse moves the count from the register into the counting element.
static void load(struct pit_channel *channel, uint64_t tick)
{
    if (channel->next_reload != 0) {
        channel->reload = channel->next_reload;
    }
    channel->next_reload = 0;
    channel->switch_tick = PIT_NEVER;
    channel->start = tick + 1;
    channel->elapsed = 0;
    channel->loaded = true;
    channel->counting = channel->gate || is_triggered(channel);
}

static void stop(struct pit_channel *channel, uint64_t tick)
{
    channel->elapsed = elapsed_at(channel, channel->start, tick);
    channel->counting = false;
}

// A written count is used from the end of the period on in mode 2, of the half period in mode 3.
static void switch_later(struct pit_channel *channel, uint64_t tick)
{
    uint32_t reload = channel->reload;
    uint32_t next = channel->next_reload;
    uint32_t phase = (uint32_t)(elapsed_at(channel, channel->start, tick) % reload);
    if (channel->mode == MODE_SQUARE && phase < high_ticks(reload)) {
        channel->switch_tick = tick + high_ticks(reload) - phase;
        channel->next_start = channel->switch_tick - high_ticks(next);
    } else {
        channel->switch_tick = tick + reload - phase;
        channel->next_start = channel->switch_tick - next;
    }
}

static void set_count(struct pit_channel *channel, uint32_t count, uint64_t tick)
{
    channel->next_reload = count;
    if (is_triggered(channel)) {
        return; // the gate loads it
    }
    if (!is_periodic(channel)) {
        load(channel, tick);
    } else if (!channel->loaded || (channel->counting && (int64_t)(tick - channel->start) < 0)) {
        load(channel, tick);
    } else if (channel->counting) {
        switch_later(channel, tick);
    }
}

static uint32_t from_bcd(uint32_t value)
{
    uint32_t count = 0;
    for (int shift = 12; shift >= 0; shift -= 4) {
        count = count * 10 + (value >> shift & 0xf);
    }
    return MIN(count, 10000);
}

static uint16_t to_bcd(uint32_t count)
{
    uint32_t value = 0;
    for (unsigned shift = 0; shift < 16; shift += 4, count /= 10) {
        value |= count % 10 << shift;
    }
    return (uint16_t)value;
}

static void write_count(struct pit_channel *channel, uint16_t value, uint64_t tick)
{
    uint32_t count = channel->bcd ? from_bcd(value) : value;
    set_count(channel, count != 0 ? count : modulus(channel), tick);
}

void pit_channel_write(struct pit_channel *channel, uint8_t value, uint64_t tick)
{
    apply_switch(channel, tick);
    if (channel->access == ACCESS_LOW) {
        write_count(channel, value, tick);
    } else if (channel->access == ACCESS_HIGH) {
        write_count(channel, (uint16_t)(value << 8), tick);
    } else if (channel->write_high) {
        channel->write_high = false;
        write_count(channel, (uint16_t)(value << 8 | channel->low_byte), tick);
    } else {
        channel->write_high = true;
        channel->low_byte = value;
        if (channel->mode == MODE_TERMINAL_COUNT) { // the first byte stops it and OUT falls
            stop(channel, tick);
            channel->loaded = false;
        }
    }
}

static uint16_t count_at(const struct pit_channel *channel, uint64_t tick)
{
    struct run run = run_at(channel, tick);
    uint64_t elapsed = elapsed_at(channel, run.start, tick);
    uint32_t count;
    if (channel->mode == MODE_RATE) {
        count = run.reload - (uint32_t)(elapsed % run.reload);
    } else if (channel->mode == MODE_SQUARE) { // counts down by two, twice in a period
        uint32_t phase = (uint32_t)(elapsed % run.reload);
        uint32_t high = high_ticks(run.reload);
        count = (run.reload & ~1U) - 2 * (phase < high ? phase : phase - high);
    } else {
        count = run.reload + modulus(channel) - (uint32_t)(elapsed % modulus(channel));
    }
    count %= modulus(channel);
    return channel->bcd ? to_bcd(count) : (uint16_t)count;
}

bool pit_channel_output(const struct pit_channel *channel, uint64_t tick)
{
    struct run run = run_at(channel, tick);
    uint64_t elapsed = elapsed_at(channel, run.start, tick);
    if (!channel->loaded) {
        return channel->mode != MODE_TERMINAL_COUNT;
    }
    switch ((enum pit_mode)channel->mode) {
    case MODE_TERMINAL_COUNT:
        return elapsed >= run.reload;
    case MODE_ONE_SHOT:
        return elapsed >= run.reload || (int64_t)(tick - run.start) < 0;
    case MODE_RATE: // the gate holds OUT high
        return !channel->counting || elapsed % run.reload != run.reload - 1;
    case MODE_SQUARE:
        return !channel->counting || elapsed % run.reload < high_ticks(run.reload);
    default: // strobes: low for the one tick of the terminal count
        return elapsed != run.reload;
    }
}

// The first rise of `run` after `tick`.
static uint64_t run_next_rise(const struct pit_channel *channel, struct run run, uint64_t tick)
{
    uint64_t rise;
    if (is_periodic(channel)) {
        if (run.reload == 1) {
            return PIT_NEVER; // the data sheet forbids this count; OUT does not move
        }
        return run.start + (elapsed_at(channel, run.start, tick) / run.reload + 1) * run.reload;
    }
    rise = run.start + run.reload;
    if (channel->mode == MODE_SOFTWARE_STROBE || channel->mode == MODE_HARDWARE_STROBE) {
        rise++;
    }
    return rise > tick ? rise : PIT_NEVER;
}

uint64_t pit_channel_next_rise(const struct pit_channel *channel, uint64_t tick)
{
    uint64_t rise;
    if (!channel->loaded || !channel->counting) {
        return PIT_NEVER;
    }
    rise = run_next_rise(channel, run_at(channel, tick), tick);
    if (tick >= channel->switch_tick || rise < channel->switch_tick) {
        return rise;
    }
    return run_next_rise(channel, run_at(channel, channel->switch_tick), channel->switch_tick - 1);
}

void pit_channel_control(struct pit_channel *channel, uint8_t control, uint64_t tick)
{
    uint8_t mode = control >> CONTROL_MODE_SHIFT & 7;
    stop(channel, tick);
    channel->mode =
        mode > MODE_HARDWARE_STROBE ? mode & 3 : mode; // bit 2 does not count in modes 2 and 3
    channel->access = control >> CONTROL_ACCESS_SHIFT & 3;
    channel->bcd = control & CONTROL_BCD;
    channel->loaded = false;
    channel->next_reload = 0;
    channel->switch_tick = PIT_NEVER;
    channel->write_high = false;
    channel->read_high = false;
    channel->latched = 0;
    channel->status_ready = false;
}

void pit_channel_latch_count(struct pit_channel *channel, uint64_t tick)
{
    if (channel->latched != 0) {
        return; // the first latch holds until it is read
    }
    channel->latch = count_at(channel, tick);
    channel->latched = channel->access == ACCESS_BOTH ? 2 : 1;
}

void pit_channel_latch_status(struct pit_channel *channel, uint64_t tick)
{
    if (channel->status_ready) {
        return;
    }
    apply_switch(channel, tick);

    bool loading = channel->counting && (int64_t)(tick - channel->start) < 0;
    bool null = !channel->loaded || channel->next_reload != 0 || loading;
    channel->status =
        (uint8_t)((pit_channel_output(channel, tick) ? STATUS_OUT : 0) |
                  (null ? STATUS_NULL_COUNT : 0) | channel->access << CONTROL_ACCESS_SHIFT |
                  channel->mode << CONTROL_MODE_SHIFT | channel->bcd);
    channel->status_ready = true;
}

static uint8_t read_latch(struct pit_channel *channel)
{
    bool low = channel->latched == 2 || channel->access == ACCESS_LOW;
    channel->latched--;
    return (uint8_t)(low ? channel->latch : channel->latch >> 8);
}

uint8_t pit_channel_read(struct pit_channel *channel, uint64_t tick)
{
    if (channel->status_ready) {
        channel->status_ready = false;
        return channel->status;
    }
    if (channel->latched != 0) {
        return read_latch(channel);
    }

    uint16_t count = count_at(channel, tick);
    bool high = channel->access == ACCESS_HIGH || channel->read_high;
    if (channel->access == ACCESS_BOTH) {
        channel->read_high = !channel->read_high;
    }
    return (uint8_t)(high ? count >> 8 : count);
}

void pit_channel_set_gate(struct pit_channel *channel, bool gate, uint64_t tick)
{
    if (gate == channel->gate) {
        return;
    }
    apply_switch(channel, tick);
    channel->gate = gate;
    if (is_triggered(channel)) {
        if (gate && (channel->loaded || channel->next_reload != 0)) {
            load(channel, tick);
        }
    } else if (channel->loaded && !gate) {
        stop(channel, tick);
        channel->switch_tick = PIT_NEVER;
    } else if (channel->loaded && is_periodic(channel)) {
        load(channel, tick);
    } else if (channel->loaded) {
        channel->start = tick - channel->elapsed;
        channel->counting = true;
    }
}

void pit_channel_init(struct pit_channel *channel, bool gate)
{
    *channel = (struct pit_channel){
        .reload = 65536,
        .switch_tick = PIT_NEVER,
        .access = ACCESS_BOTH,
        .gate = gate,
    };
}
