// SPDX-License-Identifier: MIT
// The model of a keyboard controller: its commands, the output port with reset, and a keyboard.
#include "vmm/devices/i8042.h"

#include "vmm/devices/device.h"
#include "vmm/devices/i8042_keyboard.h"
#include "vmm/util/types.h"

enum status_bits {
    STATUS_OUTPUT_FULL = BIT(0),
    STATUS_SYSTEM = BIT(2), // the self-test has passed; the command byte has the same bit
    STATUS_COMMAND = BIT(3),
    STATUS_UNLOCKED = BIT(4),
};

enum controller_command {
    READ_RAM = 0x20, // to 0x3f: byte 0, which is the command byte, to byte 31
    WRITE_RAM = 0x60,
    PASSWORD_TEST = 0xa4,
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
    A20_OFF = 0xdd,
    A20_ON = 0xdf,
    READ_TEST_INPUTS = 0xe0,
    PULSE = 0xf0, // to 0xff: a 0 in bits 0 to 3 pulses that line of the output port
};

enum controller_answer {
    SELF_TEST_PASSED = 0x55,
    KEYBOARD_TEST_PASSED = 0x00,
    MOUSE_TEST_CLOCK_LOW = 0x01, // no mouse is plugged in
    INPUT_PORT_UNLOCKED = 0x80,
    PASSWORD_NONE = 0xf1,
    TEST_INPUTS_LOW = 0x00,
    MOUSE_ABSENT = 0xfe,
};

enum output_port_bits {
    OUTPUT_NO_RESET = BIT(0),
    OUTPUT_A20 = BIT(1),
    OUTPUT_KEYBOARD_FULL = BIT(4),
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
    if (i8042->output_full || (i8042->command_byte & BYTE_KEYBOARD_OFF)) {
        return;
    }
    i8042->output_full = i8042_keyboard_take(i8042, &i8042->output);
}

// The controller's own answer replaces a byte that the guest has not read.
static void answer(struct i8042 *i8042, uint8_t value)
{
    i8042->output = value;
    i8042->output_full = true;
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

static bool is_of(uint8_t command, enum controller_command first)
{
    return (command & ~(I8042_RAM_BYTES - 1)) == first;
}

static uint8_t *ram_byte(struct i8042 *i8042, uint8_t command)
{
    unsigned index = command % I8042_RAM_BYTES;
    return index == 0 ? &i8042->command_byte : &i8042->ram[index - 1];
}

// RAM and pulses. Other commands are for the firmware of some makers.
static void command_with_number(struct i8042 *i8042, uint8_t command)
{
    if (is_of(command, READ_RAM)) {
        answer(i8042, *ram_byte(i8042, command));
    } else if (is_of(command, WRITE_RAM)) {
        i8042->expects = command;
    } else if (command >= PULSE && !(command & OUTPUT_NO_RESET)) {
        pulse_reset(i8042);
    }
}

// NOLINTNEXTLINE(readability-function-size): a case for each command
static void controller_command(struct i8042 *i8042, uint8_t command)
{
    i8042->expects = 0;
    switch (command) {
    case PASSWORD_TEST:
        answer(i8042, PASSWORD_NONE);
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
    case READ_TEST_INPUTS:
        answer(i8042, TEST_INPUTS_LOW);
        break;
    case A20_OFF:
        i8042->output_port &= (uint8_t)~OUTPUT_A20;
        break;
    case A20_ON:
        i8042->output_port |= OUTPUT_A20;
        break;
    case WRITE_OUTPUT_PORT:
    case WRITE_KEYBOARD_BUFFER:
    case WRITE_MOUSE_BUFFER:
    case WRITE_MOUSE:
        i8042->expects = command;
        break;
    default:
        command_with_number(i8042, command);
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
    case WRITE_RAM:
        i8042->command_byte = value & BYTE_WRITABLE;
        break;
    case WRITE_OUTPUT_PORT:
        write_output_port(i8042, value);
        break;
    case WRITE_MOUSE: // there is no mouse that answers
        answer(i8042, MOUSE_ABSENT);
        break;
    case WRITE_KEYBOARD_BUFFER: // without a mouse, both bytes come back as the keyboard's
    case WRITE_MOUSE_BUFFER:
        answer(i8042, value);
        break;
    default:
        *ram_byte(i8042, command) = value;
        break;
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
        i8042->command_byte &= (uint8_t)~BYTE_KEYBOARD_OFF; // the byte releases the clock
        i8042_keyboard_write(i8042, value);
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
    bool typed = i8042_keyboard_type(i8042, scan_code);
    refill(i8042);
    update_line(i8042);
    return typed;
}

// The state after a PC's firmware: tested, translating, A20 on, interrupt on.
void i8042_reset(struct i8042 *i8042)
{
    struct irq_line *line = i8042->line;
    struct irq_line *reset = i8042->reset;
    bool level = i8042->line_level;
    *i8042 = (struct i8042){
        .line = line,
        .reset = reset,
        .line_level = level,
        .command_byte = BYTE_INTERRUPT | STATUS_SYSTEM | BYTE_MOUSE_OFF | BYTE_TRANSLATE,
        .output_port = OUTPUT_NO_RESET | OUTPUT_A20,
        .scanning = true,
    };
    i8042_keyboard_reset(i8042);
    update_line(i8042);
}

void i8042_init(struct i8042 *i8042, struct irq_line *line, struct irq_line *reset)
{
    *i8042 = (struct i8042){.line = line, .reset = reset};
    i8042_reset(i8042);
}
