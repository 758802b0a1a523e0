// SPDX-License-Identifier: MIT
// The keyboard behind a PC's keyboard controller: its commands, answers and queue.
#include "vmm/devices/i8042_keyboard.h"

#include "vmm/devices/i8042.h"
#include "vmm/devices/i8042_scan_codes.h"
#include "vmm/util/types.h"

enum keyboard_command {
    KEYBOARD_LEDS = 0xed,
    KEYBOARD_ECHO = 0xee,
    KEYBOARD_SCAN_SET = 0xf0,
    KEYBOARD_IDENTIFY = 0xf2,
    KEYBOARD_RATE = 0xf3,
    KEYBOARD_SCAN_ON = 0xf4,
    KEYBOARD_SCAN_OFF = 0xf5,
    KEYBOARD_DEFAULTS = 0xf6,
    KEYBOARD_RESEND_LAST = 0xfe,
    KEYBOARD_RESET = 0xff,
    KEYBOARD_COMMANDS = 0x80, // from here on a byte is no parameter
};

enum keyboard_answer {
    KEYBOARD_ACK = 0xfa,
    KEYBOARD_RESEND = 0xfe,
    KEYBOARD_PASSED = 0xaa,
    KEYBOARD_ID_1 = 0xab,
    KEYBOARD_ID_2 = 0x83,
    KEYBOARD_ID_2_TRANSLATED = 0x41,
    KEYBOARD_SET_1_TRANSLATED = 0x43,
    KEYBOARD_SET_2_TRANSLATED = 0x41,
};

static uint8_t *keyboard_byte(struct i8042 *i8042, unsigned index)
{
    return &i8042->keyboard[(i8042->keyboard_head + index) % I8042_QUEUE_BYTES];
}

// The keyboard's answers go before typed keys, because a guest that waits for an answer expects no
// key.
static void keyboard_send(struct i8042 *i8042, uint8_t value)
{
    if (i8042->keyboard_count == I8042_QUEUE_BYTES) {
        return;
    }
    for (unsigned i = i8042->keyboard_count; i > i8042->keyboard_answers; i--) {
        *keyboard_byte(i8042, i) = *keyboard_byte(i8042, i - 1);
    }
    *keyboard_byte(i8042, i8042->keyboard_answers++) = value;
    i8042->keyboard_count++;
}

static bool translates(const struct i8042 *i8042)
{
    return i8042->command_byte & BYTE_TRANSLATE;
}

// 0 asks for the current set. There is no set 3.
static void keyboard_scan_set(struct i8042 *i8042, uint8_t value)
{
    static const uint8_t translated[] = {
        [1] = KEYBOARD_SET_1_TRANSLATED, [2] = KEYBOARD_SET_2_TRANSLATED};
    keyboard_send(i8042, value <= 2 ? KEYBOARD_ACK : KEYBOARD_RESEND);
    if (value == 0) {
        keyboard_send(i8042, translates(i8042) ? translated[i8042->scan_set] : i8042->scan_set);
    } else if (value <= 2) {
        i8042->scan_set = value;
    }
}

static void keyboard_parameter(struct i8042 *i8042, uint8_t value)
{
    uint8_t command = i8042->key_expects;
    i8042->key_expects = 0;
    if (command == KEYBOARD_SCAN_SET) {
        keyboard_scan_set(i8042, value);
    } else {
        keyboard_send(i8042, KEYBOARD_ACK);
    }
}

static void keyboard_identify(struct i8042 *i8042)
{
    keyboard_send(i8042, KEYBOARD_ACK);
    keyboard_send(i8042, KEYBOARD_ID_1);
    keyboard_send(i8042, translates(i8042) ? KEYBOARD_ID_2_TRANSLATED : KEYBOARD_ID_2);
}

static bool clears_what_was_typed(uint8_t command)
{
    return command == KEYBOARD_SCAN_SET || command == KEYBOARD_SCAN_ON ||
           command == KEYBOARD_SCAN_OFF || command == KEYBOARD_DEFAULTS ||
           command == KEYBOARD_RESET;
}

// The state after power-up. The typematic rate has no effect here.
static void keyboard_defaults(struct i8042 *i8042, uint8_t command)
{
    i8042->scan_set = 2;
    if (command != KEYBOARD_DEFAULTS) {
        i8042->scanning = command == KEYBOARD_RESET;
    }
    keyboard_send(i8042, KEYBOARD_ACK);
    if (command == KEYBOARD_RESET) {
        keyboard_send(i8042, KEYBOARD_PASSED);
    }
}

static void keyboard_command(struct i8042 *i8042, uint8_t command)
{
    if (clears_what_was_typed(command)) {
        i8042->keyboard_count = i8042->keyboard_answers = 0;
    }
    switch (command) {
    case KEYBOARD_ECHO:
        keyboard_send(i8042, KEYBOARD_ECHO);
        break;
    case KEYBOARD_LEDS:
    case KEYBOARD_SCAN_SET:
    case KEYBOARD_RATE:
        i8042->key_expects = command;
        keyboard_send(i8042, KEYBOARD_ACK);
        break;
    case KEYBOARD_IDENTIFY:
        keyboard_identify(i8042);
        break;
    case KEYBOARD_SCAN_ON:
        i8042->scanning = true;
        keyboard_send(i8042, KEYBOARD_ACK);
        break;
    case KEYBOARD_SCAN_OFF:
    case KEYBOARD_DEFAULTS:
    case KEYBOARD_RESET:
        keyboard_defaults(i8042, command);
        break;
    case KEYBOARD_RESEND_LAST:
        keyboard_send(i8042, i8042->keyboard_last);
        break;
    default:
        keyboard_send(i8042, KEYBOARD_RESEND);
        break;
    }
}

// A command that comes instead of a parameter ends the wait for it.
void i8042_keyboard_write(struct i8042 *i8042, uint8_t value)
{
    if (i8042->key_expects != 0 && value < KEYBOARD_COMMANDS) {
        keyboard_parameter(i8042, value);
    } else {
        i8042->key_expects = 0;
        keyboard_command(i8042, value);
    }
}

bool i8042_keyboard_take(struct i8042 *i8042, uint8_t *byte)
{
    if (i8042->keyboard_count == 0) {
        return false;
    }
    *byte = *keyboard_byte(i8042, 0);
    i8042->keyboard_last = *byte;
    i8042->keyboard_head = (i8042->keyboard_head + 1) % I8042_QUEUE_BYTES;
    i8042->keyboard_count--;
    i8042->keyboard_answers -= i8042->keyboard_answers > 0;
    return true;
}

bool i8042_keyboard_type(struct i8042 *i8042, uint8_t scan_code)
{
    uint8_t bytes[SCAN_CODE_BYTES_MAX] = {scan_code};
    bool as_set_2 = i8042->scan_set == 2 && !translates(i8042);
    unsigned typed = i8042->keyboard_count - i8042->keyboard_answers;
    unsigned count = as_set_2 ? i8042_to_set_2(scan_code, bytes) : 1;
    // Answers that the guest has not read may use more than their part of the queue.
    if (!i8042->scanning || typed + count > I8042_KEYBOARD_BYTES ||
        i8042->keyboard_count + count > I8042_QUEUE_BYTES) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        *keyboard_byte(i8042, i8042->keyboard_count++) = bytes[i];
    }
    return true;
}
