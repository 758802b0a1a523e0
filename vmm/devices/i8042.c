// SPDX-License-Identifier: MIT
// The model of a keyboard controller: its commands, the output port with reset, and a keyboard.
#include "vmm/devices/i8042.h"

#include "vmm/devices/device.h"
#include "vmm/devices/i8042_scan_codes.h"
#include "vmm/util/types.h"

enum status_bits {
    STATUS_OUTPUT_FULL = BIT(0),
    STATUS_SYSTEM = BIT(2), // the self-test has passed; the command byte has the same bit
    STATUS_COMMAND = BIT(3),
    STATUS_UNLOCKED = BIT(4),
};

enum command_byte_bits {
    BYTE_INTERRUPT = BIT(0),
    BYTE_KEYBOARD_OFF = BIT(4),
    BYTE_MOUSE_OFF = BIT(5),
    BYTE_TRANSLATE = BIT(6),
    BYTE_WRITABLE = 0x7f,
};

enum controller_command {
    READ_COMMAND_BYTE = 0x20,
    WRITE_COMMAND_BYTE = 0x60,
    MOUSE_DISABLE = 0xa7,
    MOUSE_ENABLE = 0xa8,
    MOUSE_TEST = 0xa9,
    SELF_TEST = 0xaa,
    KEYBOARD_TEST = 0xab,
    KEYBOARD_DISABLE = 0xad,
    KEYBOARD_ENABLE = 0xae,
    READ_INPUT_PORT = 0xc0,
    READ_OUTPUT_PORT = 0xd0,
    WRITE_OUTPUT_PORT = 0xd1,
    WRITE_KEYBOARD_BUFFER = 0xd2,
    WRITE_MOUSE_BUFFER = 0xd3,
    WRITE_MOUSE = 0xd4,
    PULSE = 0xf0, // to 0xff: a 0 in bits 0 to 3 pulses that line of the output port
};

enum controller_answer {
    SELF_TEST_PASSED = 0x55,
    KEYBOARD_TEST_PASSED = 0x00,
    MOUSE_TEST_CLOCK_LOW = 0x01, // no mouse is plugged in
    INPUT_PORT_UNLOCKED = 0x80,
};

enum output_port_bits {
    OUTPUT_NO_RESET = BIT(0),
    OUTPUT_A20 = BIT(1),
    OUTPUT_KEYBOARD_FULL = BIT(4),
};

enum keyboard_command {
    KEYBOARD_LEDS = 0xed,
    KEYBOARD_ECHO = 0xee,
    KEYBOARD_SCAN_SET = 0xf0,
    KEYBOARD_IDENTIFY = 0xf2,
    KEYBOARD_RATE = 0xf3,
    KEYBOARD_SCAN_ON = 0xf4,
    KEYBOARD_SCAN_OFF = 0xf5,
    KEYBOARD_DEFAULTS = 0xf6,
    KEYBOARD_RESET = 0xff,
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

static void update_line(struct i8042 *i8042)
{
    bool level = i8042->output_full && (i8042->command_byte & BYTE_INTERRUPT);
    if (level == i8042->line_level) {
        return;
    }
    i8042->line_level = level;
    irq_line_set(i8042->line, level);
}

// Takes the next byte from the keyboard, if port 0x60 is free and the keyboard's clock is not held.
static void refill(struct i8042 *i8042)
{
    if (i8042->output_full || i8042->keyboard_count == 0 ||
        (i8042->command_byte & BYTE_KEYBOARD_OFF)) {
        return;
    }
    i8042->output = i8042->keyboard[i8042->keyboard_head];
    i8042->output_full = true;
    i8042->keyboard_head = (i8042->keyboard_head + 1) % I8042_QUEUE_BYTES;
    i8042->keyboard_count--;
    i8042->keyboard_answers -= i8042->keyboard_answers > 0;
}

// The controller's own answer replaces a byte that the guest has not read.
static void answer(struct i8042 *i8042, uint8_t value)
{
    i8042->output = value;
    i8042->output_full = true;
}

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

static void pulse_reset(const struct i8042 *i8042)
{
    irq_line_set(i8042->reset, true);
    irq_line_set(i8042->reset, false);
}

static uint8_t read_output_port(const struct i8042 *i8042)
{
    return i8042->output_port | (i8042->output_full ? OUTPUT_KEYBOARD_FULL : 0);
}

// NOLINTNEXTLINE(readability-function-size): a case for each command
static void controller_command(struct i8042 *i8042, uint8_t command)
{
    i8042->expects = 0;
    switch (command) {
    case READ_COMMAND_BYTE:
        answer(i8042, i8042->command_byte);
        break;
    case MOUSE_DISABLE:
        i8042->command_byte |= BYTE_MOUSE_OFF;
        break;
    case MOUSE_ENABLE:
        i8042->command_byte &= (uint8_t)~BYTE_MOUSE_OFF;
        break;
    case MOUSE_TEST:
        answer(i8042, MOUSE_TEST_CLOCK_LOW);
        break;
    case SELF_TEST:
        i8042->command_byte |= STATUS_SYSTEM;
        answer(i8042, SELF_TEST_PASSED);
        break;
    case KEYBOARD_TEST:
        answer(i8042, KEYBOARD_TEST_PASSED);
        break;
    case KEYBOARD_DISABLE:
        i8042->command_byte |= BYTE_KEYBOARD_OFF;
        break;
    case KEYBOARD_ENABLE:
        i8042->command_byte &= (uint8_t)~BYTE_KEYBOARD_OFF;
        break;
    case READ_INPUT_PORT:
        answer(i8042, INPUT_PORT_UNLOCKED);
        break;
    case READ_OUTPUT_PORT:
        answer(i8042, read_output_port(i8042));
        break;
    case WRITE_COMMAND_BYTE:
    case WRITE_OUTPUT_PORT:
    case WRITE_KEYBOARD_BUFFER:
    case WRITE_MOUSE_BUFFER:
    case WRITE_MOUSE:
        i8042->expects = command;
        break;
    default: // the pulses; other commands are for the firmware of some makers
        if (command >= PULSE && !(command & OUTPUT_NO_RESET)) {
            pulse_reset(i8042);
        }
        break;
    }
}

static void write_output_port(struct i8042 *i8042, uint8_t value)
{
    i8042->output_port = (value & OUTPUT_A20) | OUTPUT_NO_RESET;
    if (!(value & OUTPUT_NO_RESET)) {
        pulse_reset(i8042);
    }
}

static void controller_parameter(struct i8042 *i8042, uint8_t value)
{
    uint8_t command = i8042->expects;
    i8042->expects = 0;
    switch (command) {
    case WRITE_COMMAND_BYTE:
        i8042->command_byte = value & BYTE_WRITABLE;
        break;
    case WRITE_OUTPUT_PORT:
        write_output_port(i8042, value);
        break;
    case WRITE_MOUSE: // there is no mouse that answers
        answer(i8042, KEYBOARD_RESEND);
        break;
    default: // either buffer: without a mouse, both bytes come back as the keyboard's
        answer(i8042, value);
        break;
    }
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
    case KEYBOARD_SCAN_OFF:
        i8042->scanning = command == KEYBOARD_SCAN_ON;
        keyboard_send(i8042, KEYBOARD_ACK);
        break;
    case KEYBOARD_DEFAULTS:
        i8042->scan_set = 2;
        keyboard_send(i8042, KEYBOARD_ACK);
        break;
    case KEYBOARD_RESET:
        i8042->scanning = true;
        i8042->scan_set = 2;
        keyboard_send(i8042, KEYBOARD_ACK);
        keyboard_send(i8042, KEYBOARD_PASSED);
        break;
    default:
        keyboard_send(i8042, KEYBOARD_RESEND);
        break;
    }
}

// A byte to the keyboard releases the keyboard's clock.
static void write_keyboard(struct i8042 *i8042, uint8_t value)
{
    i8042->command_byte &= (uint8_t)~BYTE_KEYBOARD_OFF;
    if (i8042->key_expects != 0) {
        keyboard_parameter(i8042, value);
    } else {
        keyboard_command(i8042, value);
    }
}

void i8042_write(struct i8042 *i8042, enum i8042_port port, uint8_t value)
{
    i8042->was_command = port == I8042_COMMAND;
    if (port == I8042_COMMAND) {
        controller_command(i8042, value);
    } else if (i8042->expects != 0) {
        controller_parameter(i8042, value);
    } else {
        write_keyboard(i8042, value);
    }
    refill(i8042);
    update_line(i8042);
}

static uint8_t read_status(const struct i8042 *i8042)
{
    unsigned status = STATUS_UNLOCKED | (i8042->command_byte & STATUS_SYSTEM);
    if (i8042->output_full) {
        status |= STATUS_OUTPUT_FULL;
    }
    if (i8042->was_command) {
        status |= STATUS_COMMAND;
    }
    return (uint8_t)status;
}

// If there is no byte to read, port 0x60 gives the last byte again.
uint8_t i8042_read(struct i8042 *i8042, enum i8042_port port)
{
    uint8_t value = i8042->output;
    if (port == I8042_COMMAND) {
        return read_status(i8042);
    }
    i8042->output_full = false;
    update_line(i8042); // the line drops between two bytes, for an edge-triggered 8259
    refill(i8042);
    update_line(i8042);
    return value;
}

bool i8042_type(struct i8042 *i8042, uint8_t scan_code)
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
    refill(i8042);
    update_line(i8042);
    return true;
}

// The state after a PC's firmware: tested, translating, A20 on, interrupt off.
void i8042_reset(struct i8042 *i8042)
{
    struct irq_line *line = i8042->line;
    struct irq_line *reset = i8042->reset;
    bool level = i8042->line_level;
    *i8042 = (struct i8042){
        .line = line,
        .reset = reset,
        .line_level = level,
        .command_byte = STATUS_SYSTEM | BYTE_MOUSE_OFF | BYTE_TRANSLATE,
        .output_port = OUTPUT_NO_RESET | OUTPUT_A20,
        .scanning = true,
        .scan_set = 2,
    };
    update_line(i8042);
}

void i8042_init(struct i8042 *i8042, struct irq_line *line, struct irq_line *reset)
{
    *i8042 = (struct i8042){.line = line, .reset = reset};
    i8042_reset(i8042);
}
