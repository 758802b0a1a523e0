// SPDX-License-Identifier: MIT
// One counter of an 8254 (Intel 8254 data sheet), its time in ticks of its input clock.
#pragma once

#include "vmm/util/types.h"

#define PIT_NEVER UINT64_MAX

// The counter's state is computed from the time of its loading. Nothing runs between accesses.
struct pit_channel {
    uint64_t start;       // tick at which the count was `reload`, if `counting`
    uint64_t elapsed;     // ticks since then, while not `counting`
    uint64_t switch_tick; // modes 2 and 3: when the next two members are used; PIT_NEVER: they are
                          // not set
    uint64_t next_start;
    uint32_t next_reload; // written count that is not in use yet; 0: none
    uint32_t reload;      // initial count, 1 to 65536
    uint8_t mode;         // 0 to 5
    uint8_t access;       // read/write bits of the control word: 1 low, 2 high, 3 low then high
    bool bcd;
    bool gate;
    bool loaded;       // a count is in the counting element
    bool counting;     // the counting element runs
    bool write_high;   // the next byte written is the high one
    bool read_high;    // the next byte read is the high one
    uint8_t low_byte;  // the written low byte, until the high one is written
    uint8_t latched;   // bytes of `latch` not read yet
    uint16_t latch;    // the count at the latch command
    bool status_ready; // `status` is read next
    uint8_t status;
};

// All functions take the time in ticks. It never goes back.
void pit_channel_init(struct pit_channel *channel, bool gate);
void pit_channel_control(struct pit_channel *channel, uint8_t control, uint64_t tick);
void pit_channel_latch_count(struct pit_channel *channel, uint64_t tick);
void pit_channel_latch_status(struct pit_channel *channel, uint64_t tick);
uint8_t pit_channel_read(struct pit_channel *channel, uint64_t tick);
void pit_channel_write(struct pit_channel *channel, uint8_t value, uint64_t tick);
void pit_channel_set_gate(struct pit_channel *channel, bool gate, uint64_t tick);

// The level of OUT.
bool pit_channel_output(const struct pit_channel *channel, uint64_t tick);
// The first tick after `tick` at which OUT rises if nothing is written; PIT_NEVER: it does not
// rise.
uint64_t pit_channel_next_rise(const struct pit_channel *channel, uint64_t tick);
