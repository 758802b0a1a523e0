// SPDX-License-Identifier: MIT
// The keyboard behind a PC's keyboard controller: its commands, answers and queue.
#include "vmm/devices/i8042_keyboard.h"

#include "vmm/devices/i8042.h"
#include "vmm/devices/i8042_scan_codes.h"
#include "vmm/util/string.h"
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
    ALL_TYPEMATIC = 0xf7, // to 0xfa are for all keys of set 3: repeat, tell when let go
    ALL_MAKE_BREAK = 0xf8,
    ALL_MAKE = 0xf9,
    ALL_TYPEMATIC_MAKE_BREAK = 0xfa,
    KEY_TYPEMATIC = 0xfb, // to 0xfd are the same for the keys of set 3 that follow
    KEY_MAKE_BREAK = 0xfc,
    KEY_MAKE = 0xfd,
    KEYBOARD_RESEND_LAST = 0xfe,
    KEYBOARD_RESET = 0xff,
    KEYBOARD_COMMANDS = KEYBOARD_LEDS, // from here on a byte is no parameter
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
    KEYBOARD_SET_3_TRANSLATED = 0x3f,
};

#define SETS 3

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

// 0 asks for the current set.
static void keyboard_scan_set(struct i8042 *i8042, uint8_t value)
{
    static const uint8_t translated[] = {[1] = KEYBOARD_SET_1_TRANSLATED,
                                         [2] = KEYBOARD_SET_2_TRANSLATED,
                                         [3] = KEYBOARD_SET_3_TRANSLATED};
    keyboard_send(i8042, value <= SETS ? KEYBOARD_ACK : KEYBOARD_RESEND);
    if (value == 0) {
        keyboard_send(i8042, translates(i8042) ? translated[i8042->scan_set] : i8042->scan_set);
    } else if (value <= SETS) {
        i8042->scan_set = value;
        i8042->typed_extended = false;
    }
}

static void set_break(struct i8042 *i8042, uint8_t key, bool breaks)
{
    uint8_t bit = (uint8_t)BIT(key % 8);
    if (key < I8042_SET_3_KEYS) {
        i8042->breaks[key / 8] = (uint8_t)((i8042->breaks[key / 8] & ~bit) | (breaks ? bit : 0));
    }
}

static void set_all_breaks(struct i8042 *i8042, bool breaks)
{
    memset(i8042->breaks, breaks ? UINT8_MAX : 0, sizeof(i8042->breaks));
}

// Only Shift, the left Ctrl, the left Alt and Caps Lock tell when they are let go.
static void default_breaks(struct i8042 *i8042)
{
    static const uint8_t keys[] = {0x11, 0x12, 0x14, 0x19, 0x59};
    set_all_breaks(i8042, false);
    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
        set_break(i8042, keys[i], true);
    }
}

static void keyboard_parameter(struct i8042 *i8042, uint8_t value)
{
    switch (i8042->key_expects) {
    case KEYBOARD_SCAN_SET:
        keyboard_scan_set(i8042, value);
        break;
    case KEY_TYPEMATIC:
    case KEY_MAKE_BREAK:
    case KEY_MAKE:
        set_break(i8042, value, i8042->key_expects == KEY_MAKE_BREAK);
        keyboard_send(i8042, KEYBOARD_ACK);
        return; // more keys may follow
    default:
        keyboard_send(i8042, KEYBOARD_ACK);
        break;
    }
    i8042->key_expects = 0;
}

static void keyboard_identify(struct i8042 *i8042)
{
    keyboard_send(i8042, KEYBOARD_ACK);
    keyboard_send(i8042, KEYBOARD_ID_1);
    keyboard_send(i8042, translates(i8042) ? KEYBOARD_ID_2_TRANSLATED : KEYBOARD_ID_2);
}

static bool clears_what_was_typed(uint8_t command)
{
    return command == KEYBOARD_SCAN_SET || command == KEYBOARD_RESET ||
           (command >= KEYBOARD_SCAN_ON && command <= KEY_MAKE);
}

void i8042_keyboard_reset(struct i8042 *i8042)
{
    i8042->scan_set = 2;
    i8042->typed_extended = false;
    default_breaks(i8042);
}

// The state after power-up. The typematic rate has no effect here.
static void keyboard_defaults(struct i8042 *i8042, uint8_t command)
{
    i8042_keyboard_reset(i8042);
    if (command != KEYBOARD_DEFAULTS) {
        i8042->scanning = command == KEYBOARD_RESET;
    }
    keyboard_send(i8042, KEYBOARD_ACK);
    if (command == KEYBOARD_RESET) {
        keyboard_send(i8042, KEYBOARD_PASSED);
    }
}

static void command_of_set_3(struct i8042 *i8042, uint8_t command)
{
    if (command < ALL_TYPEMATIC || command > KEY_MAKE) {
        keyboard_send(i8042, KEYBOARD_RESEND);
        return;
    }
    if (command >= KEY_TYPEMATIC) {
        i8042->key_expects = command;
    } else {
        set_all_breaks(i8042, command == ALL_MAKE_BREAK || command == ALL_TYPEMATIC_MAKE_BREAK);
    }
    keyboard_send(i8042, KEYBOARD_ACK);
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
        command_of_set_3(i8042, command);
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

// A prefix of set 1 gives no byte, and neither does a key that does not tell when it is let go.
static unsigned to_set_3(const struct i8042 *i8042, uint8_t scan_code,
                         uint8_t bytes[SCAN_CODE_BYTES_MAX])
{
    uint8_t key = i8042_to_set_3(scan_code & (uint8_t)~BREAK_SET_1, i8042->typed_extended);
    bool breaks = i8042->breaks[key / 8] & BIT(key % 8);
    unsigned count = 0;
    if (scan_code == EXTENDED_SET_1 || key == 0 || ((scan_code & BREAK_SET_1) && !breaks)) {
        return 0;
    }
    if (scan_code & BREAK_SET_1) {
        bytes[count++] = BREAK_SET_2;
    }
    bytes[count++] = key;
    return count;
}

// A controller that translates makes set 1 of set 2, and leaves the others as they are.
static unsigned to_bytes(const struct i8042 *i8042, uint8_t scan_code,
                         uint8_t bytes[SCAN_CODE_BYTES_MAX])
{
    if (i8042->scan_set == 3) {
        return to_set_3(i8042, scan_code, bytes);
    }
    if (i8042->scan_set == 2 && !translates(i8042)) {
        return i8042_to_set_2(scan_code, bytes);
    }
    bytes[0] = scan_code;
    return 1;
}

bool i8042_keyboard_type(struct i8042 *i8042, uint8_t scan_code)
{
    uint8_t bytes[SCAN_CODE_BYTES_MAX];
    unsigned typed = i8042->keyboard_count - i8042->keyboard_answers;
    unsigned count = to_bytes(i8042, scan_code, bytes);
    // Answers that the guest has not read may use more than their part of the queue.
    if (!i8042->scanning || typed + count > I8042_KEYBOARD_BYTES ||
        i8042->keyboard_count + count > I8042_QUEUE_BYTES) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        *keyboard_byte(i8042, i8042->keyboard_count++) = bytes[i];
    }
    i8042->typed_extended = scan_code == EXTENDED_SET_1;
    return true;
}
