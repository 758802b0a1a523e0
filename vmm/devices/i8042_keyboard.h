// SPDX-License-Identifier: MIT
// The keyboard's part of struct i8042, for i8042.c only.
#pragma once

#include "vmm/util/types.h"

struct i8042;

enum command_byte_bits {
    BYTE_INTERRUPT = BIT(0),
    BYTE_KEYBOARD_OFF = BIT(4),
    BYTE_MOUSE_OFF = BIT(5),
    BYTE_TRANSLATE = BIT(6),
    BYTE_WRITABLE = 0x7f,
};

// The keyboard's settings after power-up; what it has to send stays.
void i8042_keyboard_reset(struct i8042 *i8042);
// A command or a parameter for the keyboard.
void i8042_keyboard_write(struct i8042 *i8042, uint8_t value);
// Takes the next byte that the keyboard sends. False: there is none.
MUST_CHECK bool i8042_keyboard_take(struct i8042 *i8042, uint8_t *byte);
// As i8042_type, but the byte only goes into the keyboard's queue.
MUST_CHECK bool i8042_keyboard_type(struct i8042 *i8042, uint8_t scan_code);
