// SPDX-License-Identifier: MIT
// The 8042 controller (Intel 8042 and IBM PS/2 technical reference, keyboard controller). It is set
// up once; then the scan codes from its first port go into a ring of bytes.
#include "drivers/ps2_keyboard.h"
#include "arch/x86/instructions.h"
#include "arch/x86/io.h"
#include "arch/x86/time.h"
#include "drivers/key_ring.h"
#include "drivers/ps2_scan_codes.h"

#define DATA 0x60
#define STATUS 0x64  // read
#define COMMAND 0x64 // write

#define STATUS_OUTPUT BIT(0) // a byte waits in DATA
#define STATUS_INPUT BIT(1)  // the controller has not taken the last byte yet
#define STATUS_MOUSE BIT(5)  // the byte in DATA is from the second port
#define NO_CONTROLLER 0xff

#define READ_SETTINGS 0x20
#define WRITE_SETTINGS 0x60
#define DISABLE_MOUSE 0xa7
#define DISABLE_KEYBOARD 0xad
#define ENABLE_KEYBOARD 0xae

#define KEYBOARD_INTERRUPT BIT(0)
#define MOUSE_INTERRUPT BIT(1)
#define KEYBOARD_CLOCK_OFF BIT(4)
#define MOUSE_CLOCK_OFF BIT(5)
#define TRANSLATE BIT(6) // the keyboard's scan codes of set 2 arrive as set 1

#define KEYBOARD_DEFAULTS 0xf6 // scan code set 2
#define KEYBOARD_ENABLE 0xf4
#define ACKNOWLEDGED 0xfa

#define ANSWER_NS 50000000ULL // a keyboard answers within 20 ms
#define STALE_BYTES 64

static struct {
    bool present;
    bool interrupts_come; // if not, reading polls
    struct ps2_scan_codes keys;
    struct key_ring typed;
} keyboard;

static bool wait_for(uint8_t bits, uint8_t wanted)
{
    uint64_t end = time_now_ns() + ANSWER_NS;
    do {
        if ((inb(STATUS) & bits) == wanted) {
            return true;
        }
    } while (time_now_ns() < end);
    return false;
}

static bool write_to(uint16_t port, uint8_t value)
{
    if (!wait_for(STATUS_INPUT, 0)) {
        return false;
    }
    outb(port, value);
    return true;
}

static bool read_answer(uint8_t *value)
{
    if (!wait_for(STATUS_OUTPUT, STATUS_OUTPUT)) {
        return false;
    }
    *value = inb(DATA);
    return true;
}

static void drop_stale_bytes(void)
{
    for (unsigned i = 0; i < STALE_BYTES && (inb(STATUS) & STATUS_OUTPUT) != 0; i++) {
        inb(DATA);
    }
}

static bool set_up_controller(void)
{
    uint8_t settings;
    if (inb(STATUS) == NO_CONTROLLER || !write_to(COMMAND, DISABLE_KEYBOARD) ||
        !write_to(COMMAND, DISABLE_MOUSE)) {
        return false;
    }
    drop_stale_bytes();
    if (!write_to(COMMAND, READ_SETTINGS) || !read_answer(&settings)) {
        return false;
    }
    settings |= KEYBOARD_INTERRUPT | TRANSLATE | MOUSE_CLOCK_OFF;
    settings &= (uint8_t) ~(MOUSE_INTERRUPT | KEYBOARD_CLOCK_OFF);
    return write_to(COMMAND, WRITE_SETTINGS) && write_to(DATA, settings) &&
           write_to(COMMAND, ENABLE_KEYBOARD);
}

// The code of a key may come before the answer.
static bool tell_keyboard(uint8_t command)
{
    uint8_t answer;
    if (!write_to(DATA, command)) {
        return false;
    }
    for (unsigned i = 0; i < STALE_BYTES && read_answer(&answer); i++) {
        if (answer == ACKNOWLEDGED) {
            return true;
        }
    }
    return false;
}

bool ps2_keyboard_init(void)
{
    keyboard.present = set_up_controller();
    // A keyboard that does not answer may be plugged in later. It has its defaults then.
    if (keyboard.present && tell_keyboard(KEYBOARD_DEFAULTS)) {
        (void)tell_keyboard(KEYBOARD_ENABLE);
    }
    return keyboard.present;
}

static void take_all(void)
{
    for (unsigned i = 0; i < STALE_BYTES; i++) {
        uint8_t status = inb(STATUS);
        if ((status & STATUS_OUTPUT) == 0 || status == NO_CONTROLLER) {
            return;
        }
        uint8_t code = inb(DATA);
        if ((status & STATUS_MOUSE) == 0) {
            key_ring_put(&keyboard.typed, &keyboard.keys, code);
        }
    }
}

void ps2_keyboard_interrupt(void)
{
    keyboard.interrupts_come = true;
    take_all();
}

int ps2_keyboard_read(void)
{
    if (!keyboard.present) {
        return -1;
    }
    uint64_t flags = interrupts_save();
    if (!keyboard.interrupts_come) {
        take_all();
    }
    int byte = key_ring_take(&keyboard.typed);
    interrupts_restore(flags);
    return byte;
}

bool ps2_keyboard_has_input(void)
{
    return !key_ring_is_empty(&keyboard.typed);
}
