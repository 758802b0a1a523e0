// SPDX-License-Identifier: MIT
// The model of a PC's two cascaded 8259A interrupt controllers (Intel 8259A data sheet) with ELCR.
#pragma once

#include "vmm/util/types.h"

struct irq_line;

#define PIC_PORTS 2
#define PIC_IRQS 16
#define PIC_ICW1 0x10U // a command with this bit is ICW1

enum pic_which { PIC_MASTER, PIC_SLAVE }; // ports 0x20 and 0xa0, ELCR 0x4d0 and 0x4d1

struct pic {
    uint8_t irr;       // requests: latched edges, and levels
    uint8_t isr;       // in service
    uint8_t imr;       // masked
    uint8_t lines;     // the input levels
    uint8_t elcr;      // level-triggered inputs
    uint8_t base;      // ICW2: vector of input 0
    uint8_t top;       // the input of highest priority; 0 unless rotated
    uint8_t next_icw;  // the ICW that the data port expects: 2 to 4; 0: the port is the mask
    bool wants_icw4;   // ICW1 bit 0
    bool single;       // ICW1 bit 1
    bool auto_eoi;     // ICW4 bit 1
    bool rotate_auto;  // rotate in automatic EOI mode
    bool read_isr;     // OCW3: the command port reads ISR, not IRR
    bool poll;         // OCW3: the next read is a poll
    bool special_mask; // OCW3
    uint8_t request;   // the most urgent request that may interrupt, 8: none; always up to date
};

struct pic_pair {
    struct irq_line *intr;
    struct pic chip[2];
    bool output; // what `intr` was told last
};

void pic_init(struct pic_pair *pair, struct irq_line *intr);
void pic_reset(struct pic_pair *pair);

// `offset` 0 is the command port, 1 the data port; only bit 0 counts.
uint8_t pic_read(struct pic_pair *pair, enum pic_which which, unsigned offset);
void pic_write(struct pic_pair *pair, enum pic_which which, unsigned offset, uint8_t value);
// Whether a write may unmask one of these inputs of the chip. ICW1 unmasks all.
static inline bool pic_may_unmask(const struct pic_pair *pair, enum pic_which which,
                                  unsigned offset, uint32_t value, unsigned inputs)
{
    return offset & 1 ? pair->chip[which].imr & ~value & inputs : value & PIC_ICW1;
}
// Whether a read shows or takes requests.
static inline bool pic_shows_requests(const struct pic_pair *pair, enum pic_which which,
                                      unsigned offset)
{
    const struct pic *chip = &pair->chip[which];
    return chip->poll || !((offset & 1) || chip->read_isr);
}
uint8_t pic_elcr_read(const struct pic_pair *pair, enum pic_which which);
void pic_elcr_write(struct pic_pair *pair, enum pic_which which, uint8_t value);

// Sets the level of input `irq`, 0 to 15. Input 2 is the cascade: 2 is ignored, like other numbers.
void pic_set_line(struct pic_pair *pair, unsigned irq, bool level);

// Whether an edge of input `irq`, not 2, can reach the CPU: the input is masked nowhere. `waits`:
// the CPU takes no requests meanwhile, so an edge that only repeats one does not count.
bool pic_hears(const struct pic_pair *pair, unsigned irq, bool waits);

// The level of INTR.
static inline bool pic_pending(const struct pic_pair *pair)
{
    return pair->output;
}

// The CPU's INTA cycles: returns the vector. Without a request that is the vector of a spurious IRQ
// 7, and no in-service bit is set. IRQ 15 is never spurious: that needs a line that falls between
// two INTA cycles, and here these are one step.
uint8_t pic_acknowledge(struct pic_pair *pair);
