// SPDX-License-Identifier: MIT
// The model of a PC's keyboard controller (8042) with a keyboard behind it and no mouse.
#pragma once

#include "vmm/util/types.h"

struct irq_line;

#define I8042_KEYBOARD_BYTES 16                      // typed keys that are not sent yet
#define I8042_QUEUE_BYTES (I8042_KEYBOARD_BYTES + 8) // with room for answers to commands
#define I8042_RAM_BYTES 32
#define I8042_SET_3_KEYS 0x90

enum i8042_port { I8042_DATA, I8042_COMMAND }; // 0x60, 0x64

struct i8042 {
    struct irq_line *line;  // IRQ 1
    struct irq_line *reset; // raised and lowered again: the guest asked for a reset
    uint8_t command_byte;   // byte 0 of the controller's RAM
    uint8_t ram[I8042_RAM_BYTES - 1];
    uint8_t output_port;
    uint8_t output;        // what port 0x60 reads
    bool output_full;      // the guest has not read `output`
    uint8_t expects;       // the command that waits for its parameter on port 0x60; 0: none
    uint8_t key_expects;   // the keyboard command that waits for its parameter; 0: none
    bool was_command;      // the last write was to 0x64
    bool scanning;         // the keyboard sends what is typed
    uint8_t keyboard_last; // the byte that the keyboard sent last
    uint8_t scan_set;      // 1 to 3; a controller that translates turns set 2 into set 1
    bool typed_extended;   // set 3: the last byte typed was the prefix of set 1
    uint8_t breaks[I8042_SET_3_KEYS / 8]; // set 3: the keys that tell when they are let go
    bool line_level;
    uint8_t keyboard[I8042_QUEUE_BYTES]; // what the keyboard wants to send
    uint8_t keyboard_head;
    uint8_t keyboard_count;
    uint8_t keyboard_answers; // how many bytes at the head of the queue are answers
};

void i8042_init(struct i8042 *i8042, struct irq_line *line, struct irq_line *reset);
void i8042_reset(struct i8042 *i8042);

uint8_t i8042_read(struct i8042 *i8042, enum i8042_port port);
void i8042_write(struct i8042 *i8042, enum i8042_port port, uint8_t value);

// Types a byte of a scan code (set 1). The guest gets it in the set that the guest has chosen.
// False: the keyboard's buffer is full, or the keyboard is off.
MUST_CHECK bool i8042_type(struct i8042 *i8042, uint8_t scan_code);
