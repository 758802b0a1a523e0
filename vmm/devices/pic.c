// SPDX-License-Identifier: MIT
// The model of two cascaded 8259As: initialisation, priorities, in-service bits, poll, ELCR.
#include "vmm/devices/pic.h"

#include "vmm/devices/device.h"
#include "vmm/util/types.h"

#define CASCADE 2  // the master's input that the slave drives
#define SPURIOUS 7 // an INTA without a request gets this input's vector
#define NO_INPUT 8
#define MASK(input) ((uint8_t)(1U << (input)))

enum pic_offset { PIC_COMMAND, PIC_DATA };

enum pic_bits {
    ICW1_ICW4 = BIT(0),
    ICW1_SINGLE = BIT(1),
    ICW2_BASE = 0xf8,
    ICW4_AUTO_EOI = BIT(1),
    OCW3 = BIT(3), // a command with this bit and without PIC_ICW1 is OCW3
    OCW3_READ_ISR = BIT(0),
    OCW3_READ = BIT(1),
    OCW3_POLL = BIT(2),
    OCW3_SPECIAL_MASK = BIT(5),
    OCW3_CHANGE_SPECIAL_MASK = BIT(6),
    OCW2_INPUT = 0x07,
    OCW2_SHIFT = 5,
    POLL_REQUEST = BIT(7),
};

// Bits 5 to 7 of OCW2.
enum ocw2 {
    OCW2_CLEAR_ROTATE_AUTO,
    OCW2_EOI,
    OCW2_NOTHING,
    OCW2_SPECIFIC_EOI,
    OCW2_SET_ROTATE_AUTO,
    OCW2_ROTATE_EOI,
    OCW2_SET_PRIORITY,
    OCW2_ROTATE_SPECIFIC_EOI,
};

// Inputs that cannot be made level-triggered: timer, keyboard and cascade; RTC and FPU.
static const uint8_t elcr_writable[2] = {0xf8, 0xde};

// The input of highest priority in `set`; NO_INPUT: `set` is empty.
static unsigned highest(const struct pic *chip, uint8_t set)
{
    if (set == 0) {
        return NO_INPUT;
    }
    unsigned rotated = (((unsigned)set << 8) | set) >> chip->top;
    return ((unsigned)__builtin_ctz(rotated) + chip->top) % 8;
}

// The distance from the highest priority: a lower rank is more urgent.
static unsigned rank(const struct pic *chip, unsigned input)
{
    return input == NO_INPUT ? NO_INPUT : (input - chip->top) % 8;
}

// The request that may interrupt the CPU now (fully nested mode, or special mask mode).
static unsigned find_request(const struct pic *chip)
{
    unsigned request = highest(chip, chip->irr & (uint8_t)~chip->imr);
    if (request == NO_INPUT || chip->isr == 0) {
        return request;
    }
    if (chip->special_mask) { // only an input that is itself in service has to wait
        return highest(chip, chip->irr & (uint8_t) ~(chip->imr | chip->isr));
    }
    return rank(chip, request) < rank(chip, highest(chip, chip->isr)) ? request : NO_INPUT;
}

static void input_set(struct pic *chip, unsigned input, bool level)
{
    uint8_t mask = MASK(input);
    bool by_level = (chip->elcr & mask) != 0;
    if (level && (by_level || !(chip->lines & mask))) {
        chip->irr |= mask;
    }
    // An edge stays latched when its line falls. Otherwise a request that was raised and withdrawn
    // between two looks of the vCPU would become a spurious interrupt.
    if (!level && by_level) {
        chip->irr &= (uint8_t)~mask;
    }
    chip->lines = level ? chip->lines | mask : chip->lines & (uint8_t)~mask;
}

// Must be called after any change of a chip. Updates the slave, then the master, then the CPU's
// line. The cascade falls and rises again with each request of the slave, like the slave's INT.
static void update(struct pic_pair *pair)
{
    struct pic *master = &pair->chip[PIC_MASTER];
    struct pic *slave = &pair->chip[PIC_SLAVE];
    slave->request = (uint8_t)find_request(slave);
    bool cascade = slave->request != NO_INPUT;
    if (cascade) {
        master->irr |= MASK(CASCADE);
    } else {
        master->irr &= (uint8_t)~MASK(CASCADE);
    }
    master->request = (uint8_t)find_request(master);

    bool output = master->request != NO_INPUT;
    if (output == pair->output) {
        return;
    }
    pair->output = output;
    irq_line_set(pair->intr, output);
}

// Takes a request from a chip, for INTA and for a poll.
static void take(struct pic *chip, unsigned input)
{
    uint8_t mask = MASK(input);
    if (!(chip->elcr & mask)) {
        chip->irr &= (uint8_t)~mask;
    }
    if (!chip->auto_eoi) {
        chip->isr |= mask;
    } else if (chip->rotate_auto) {
        chip->top = (input + 1) % 8;
    }
}

uint8_t pic_acknowledge(struct pic_pair *pair)
{
    struct pic *master = &pair->chip[PIC_MASTER];
    struct pic *slave = &pair->chip[PIC_SLAVE];
    unsigned input = master->request;
    uint8_t vector;
    if (input == NO_INPUT) {
        return (uint8_t)(master->base + SPURIOUS);
    }
    take(master, input);
    if (input != CASCADE) {
        vector = (uint8_t)(master->base + input);
    } else { // update() asserts the cascade only while the slave has a request
        vector = (uint8_t)(slave->base + slave->request);
        take(slave, slave->request);
    }
    update(pair);
    return vector;
}

// ICW1 starts the initialisation and resets edge sense: an edge-triggered line that is high needs a
// new edge. LTIM (bit 3) has no effect in PC chip sets, which have an ELCR.
static void write_icw1(struct pic *chip, uint8_t value)
{
    *chip = (struct pic){
        .irr = chip->lines & chip->elcr,
        .lines = chip->lines,
        .elcr = chip->elcr,
        .base = chip->base,
        .next_icw = 2,
        .wants_icw4 = value & ICW1_ICW4,
        .single = value & ICW1_SINGLE,
    };
}

// Ends the most urgent input that is in service. In special mask mode masked inputs do not count.
static void end_of_interrupt(struct pic *chip, bool rotate)
{
    uint8_t hidden = chip->special_mask ? chip->imr : 0;
    unsigned input = highest(chip, chip->isr & (uint8_t)~hidden);
    if (input == NO_INPUT) {
        return;
    }
    chip->isr &= (uint8_t)~MASK(input);
    if (rotate) {
        chip->top = (input + 1) % 8;
    }
}

static void write_ocw2(struct pic *chip, uint8_t value)
{
    unsigned input = value & OCW2_INPUT;
    switch ((enum ocw2)(value >> OCW2_SHIFT)) {
    case OCW2_EOI:
    case OCW2_ROTATE_EOI:
        end_of_interrupt(chip, value >> OCW2_SHIFT == OCW2_ROTATE_EOI);
        break;
    case OCW2_SPECIFIC_EOI:
        chip->isr &= (uint8_t)~MASK(input);
        break;
    case OCW2_ROTATE_SPECIFIC_EOI:
        chip->isr &= (uint8_t)~MASK(input);
        chip->top = (input + 1) % 8;
        break;
    case OCW2_SET_PRIORITY:
        chip->top = (input + 1) % 8;
        break;
    case OCW2_SET_ROTATE_AUTO:
        chip->rotate_auto = true;
        break;
    case OCW2_CLEAR_ROTATE_AUTO:
        chip->rotate_auto = false;
        break;
    case OCW2_NOTHING:
        break;
    }
}

static void write_ocw3(struct pic *chip, uint8_t value)
{
    if (value & OCW3_POLL) {
        chip->poll = true;
    } else if (value & OCW3_READ) {
        chip->read_isr = value & OCW3_READ_ISR;
    }
    if (value & OCW3_CHANGE_SPECIAL_MASK) {
        chip->special_mask = value & OCW3_SPECIAL_MASK;
    }
}

static void write_command(struct pic *chip, uint8_t value)
{
    if (value & PIC_ICW1) {
        write_icw1(chip, value);
    } else if (value & OCW3) {
        write_ocw3(chip, value);
    } else {
        write_ocw2(chip, value);
    }
}

static void write_data(struct pic *chip, uint8_t value)
{
    switch (chip->next_icw) {
    case 2:
        chip->base = value & ICW2_BASE;
        if (!chip->single) {
            chip->next_icw = 3;
        } else {
            chip->next_icw = chip->wants_icw4 ? 4 : 0;
        }
        break;
    case 3: // a PC's cascade is wired to input 2, whatever the guest writes
        chip->next_icw = chip->wants_icw4 ? 4 : 0;
        break;
    case 4:
        chip->auto_eoi = value & ICW4_AUTO_EOI;
        chip->next_icw = 0;
        break;
    default:
        chip->imr = value;
    }
}

void pic_write(struct pic_pair *pair, enum pic_which which, unsigned offset, uint8_t value)
{
    struct pic *chip = &pair->chip[which & 1];
    if ((offset & 1) == PIC_COMMAND) {
        write_command(chip, value);
    } else {
        write_data(chip, value);
    }
    update(pair);
}

// The read after a poll command acts as INTA for this chip alone (data sheet, "Poll Command").
static uint8_t read_poll(struct pic_pair *pair, struct pic *chip)
{
    unsigned input = chip->request;
    chip->poll = false;
    if (input == NO_INPUT) {
        return SPURIOUS;
    }
    take(chip, input);
    update(pair);
    return (uint8_t)(POLL_REQUEST | input);
}

uint8_t pic_read(struct pic_pair *pair, enum pic_which which, unsigned offset)
{
    struct pic *chip = &pair->chip[which & 1];
    if (chip->poll) {
        return read_poll(pair, chip);
    }
    if ((offset & 1) == PIC_DATA) {
        return chip->imr;
    }
    return chip->read_isr ? chip->isr : chip->irr;
}

uint8_t pic_elcr_read(const struct pic_pair *pair, enum pic_which which)
{
    return pair->chip[which & 1].elcr;
}

void pic_elcr_write(struct pic_pair *pair, enum pic_which which, uint8_t value)
{
    struct pic *chip = &pair->chip[which & 1];
    chip->elcr = value & elcr_writable[which & 1];
    // An input that has become level-triggered follows its line from now on.
    chip->irr = (uint8_t)((chip->irr & ~chip->elcr) | (chip->lines & chip->elcr));
    update(pair);
}

void pic_set_line(struct pic_pair *pair, unsigned irq, bool level)
{
    if (irq >= PIC_IRQS || irq == CASCADE) {
        return;
    }
    input_set(&pair->chip[irq / 8], irq % 8, level);
    update(pair);
}

bool pic_hears(const struct pic_pair *pair, unsigned irq, bool waits)
{
    const struct pic *chip = &pair->chip[irq / 8];
    bool cut_off = irq >= 8 && (pair->chip[PIC_MASTER].imr & MASK(CASCADE));
    uint8_t deaf = waits ? chip->imr | chip->irr : chip->imr;
    return !cut_off && !(deaf & MASK(irq % 8));
}

// The data sheet leaves the state after power-up undefined. Here nothing is pending and everything
// is masked, so nothing interrupts a guest that has not programmed the chips.
void pic_reset(struct pic_pair *pair)
{
    for (unsigned which = 0; which < ARRAY_SIZE(pair->chip); which++) {
        uint8_t lines = pair->chip[which].lines;
        pair->chip[which] = (struct pic){.imr = 0xff, .lines = lines};
    }
    update(pair);
}

void pic_init(struct pic_pair *pair, struct irq_line *intr)
{
    *pair = (struct pic_pair){.intr = intr};
    pic_reset(pair);
}
