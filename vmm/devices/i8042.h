// SPDX-License-Identifier: MIT
// The model of a PC's keyboard controller (8042) with a keyboard behind it and no mouse.
#pragma once

#include "vmm/devices/device.h"

#define I8042_KEYBOARD_BYTES 16                      // typed and not sent
#define I8042_QUEUE_BYTES (I8042_KEYBOARD_BYTES + 8) // with answers to commands

enum i8042_port { I8042_DATA, I8042_COMMAND }; // 0x60, 0x64

struct i8042 {
    struct irq_line *line;  // IRQ 1
    struct irq_line *reset; // raised and lowered again: the guest asked for a reset
    uint8_t command_byte;
    uint8_t output_port;
    uint8_t output;      // what port 0x60 reads
    bool output_full;    // and the guest has not read it
    uint8_t expects;     // the command that waits for its parameter on port 0x60; 0: none
    uint8_t key_expects; // the same for a command to the keyboard
    bool was_command;    // the last write was to 0x64
    bool scanning;       // the keyboard sends what is typed
    uint8_t scan_set;    // 1 or 2; the controller makes set 1 of set 2 if it translates
    bool line_level;
    uint8_t keyboard[I8042_QUEUE_BYTES]; // what the keyboard wants to send
    uint8_t keyboard_head;
    uint8_t keyboard_count;
    uint8_t keyboard_answers; // how many of them, at the head, answer a command
};

void i8042_init(struct i8042 *i8042, struct irq_line *line, struct irq_line *reset);
void i8042_reset(struct i8042 *i8042);

uint8_t i8042_read(struct i8042 *i8042, enum i8042_port port);
void i8042_write(struct i8042 *i8042, enum i8042_port port, uint8_t value);

// A byte of scan code (set 1) is typed; the guest gets it in the set that it has chosen. False: the
// keyboard's buffer is full or it is switched off.
MUST_CHECK bool i8042_type(struct i8042 *i8042, uint8_t scan_code);
