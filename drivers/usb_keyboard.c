// SPDX-License-Identifier: MIT
// Turns each change between two reports into the scan codes of a PC keyboard.
#include "drivers/usb_keyboard.h"

#include "drivers/key_ring.h"
#include "drivers/ps2_scan_codes.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/string.h"
#include "vmm/util/us_keyboard.h"

#define MODIFIERS 0  // of a report: the byte with a bit for each
#define FIRST_KEY 2  // the first byte with a key
#define USAGE_A 0x04 // the first key; what is below says "too many keys" or "broken"
#define EXTENDED 0x80
#define LIGHT_NUM_LOCK BIT(0)
#define LIGHT_CAPS_LOCK BIT(1)

// As a PS/2 keyboard repeats by default: 10.9 characters in a second.
#define REPEAT_FIRST_NS (500 * NS_PER_MS)
#define REPEAT_NS (92 * NS_PER_MS)

// Scan codes by usage, from USAGE_A on; with EXTENDED: after 0xe0. 0: the key means nothing.
static const uint8_t scan_codes[] = {
    0x1e, 0x30, 0x2e, 0x20, 0x12, 0x21, 0x22, 0x23, 0x17, 0x24, 0x25, 0x26, 0x32, // a to m
    0x31, 0x18, 0x19, 0x10, 0x13, 0x1f, 0x14, 0x16, 0x2f, 0x11, 0x2d, 0x15, 0x2c, // n to z
    0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b,                   // 1 to 0
    0x1c, 0x01, 0x0e, 0x0f, 0x39,                               // Enter, Esc, Backspace, Tab, Space
    0x0c, 0x0d, 0x1a, 0x1b, 0x2b, 0x2b, 0x27, 0x28, 0x29,       // - = [ ] \, and ISO's, ; ' `
    0x33, 0x34, 0x35, 0x3a,                                     // , . / Caps Lock
    0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x40,                         // F1 to F6
    0x41, 0x42, 0x43, 0x44, 0x57, 0x58,                         // F7 to F12
    0x00, 0x46, 0x00,                                           // Print, Scroll Lock, Pause
    0xd2, 0xc7, 0xc9, 0xd3, 0xcf, 0xd1,                         // Insert to Page Down
    0xcd, 0xcb, 0xd0, 0xc8,                                     // Right, Left, Down, Up
    0x45, 0xb5, 0x37, 0x4a, 0x4e, 0x9c,                         // Num Lock, keypad / * - + Enter
    0x4f, 0x50, 0x51, 0x4b, 0x4c, 0x4d, 0x47, 0x48, 0x49, 0x52, // keypad 1 to 0
    0x53, 0x56,                                                 // keypad ., ISO's second backslash
};

static_assert(ARRAY_SIZE(scan_codes) == 0x64 - USAGE_A + 1, "usages 0x04 to 0x64");

static const uint8_t modifiers[] = {
    SCAN_CONTROL,
    SCAN_LEFT_SHIFT,
    SCAN_ALT,
    0xdb, // a key with a logo
    SCAN_CONTROL | EXTENDED,
    SCAN_RIGHT_SHIFT,
    SCAN_ALT | EXTENDED,
    0xdc,
};

static void send(struct usb_keyboard *keyboard, uint8_t code, bool pressed, struct key_ring *ring)
{
    uint8_t released = pressed ? 0 : (uint8_t)SCAN_RELEASED;
    if (code & EXTENDED) {
        key_ring_put(ring, &keyboard->keys, SCAN_EXTENDED);
    }
    key_ring_put(ring, &keyboard->keys, (uint8_t)((code & ~EXTENDED) | released));
}

static void send_usage(struct usb_keyboard *keyboard, uint8_t usage, bool pressed,
                       struct key_ring *ring)
{
    unsigned index = usage - USAGE_A;
    if (index < ARRAY_SIZE(scan_codes) && scan_codes[index] != 0) {
        send(keyboard, scan_codes[index], pressed, ring);
    }
}

static void take_modifiers(struct usb_keyboard *keyboard, uint8_t now, struct key_ring *ring)
{
    unsigned changed = now ^ keyboard->report[MODIFIERS];
    for (unsigned i = 0; i < ARRAY_SIZE(modifiers); i++) {
        if (changed & BIT(i)) {
            send(keyboard, modifiers[i], (now & BIT(i)) != 0, ring);
        }
    }
    keyboard->report[MODIFIERS] = now;
}

static bool has(const uint8_t *report, uint8_t usage)
{
    for (unsigned i = FIRST_KEY; i < USB_KEYBOARD_REPORT_BYTES; i++) {
        if (report[i] == usage) {
            return true;
        }
    }
    return false;
}

// With too many keys down, all keys of the report are ErrorRollOver (HID 1.11 appendix C): it does
// not say which keys are down.
static bool says_keys(const uint8_t *report)
{
    for (unsigned i = FIRST_KEY; i < USB_KEYBOARD_REPORT_BYTES; i++) {
        if (report[i] != 0 && report[i] < USAGE_A) {
            return false;
        }
    }
    return true;
}

static void take_released(struct usb_keyboard *keyboard, const uint8_t *report,
                          struct key_ring *ring)
{
    for (unsigned i = FIRST_KEY; i < USB_KEYBOARD_REPORT_BYTES; i++) {
        uint8_t usage = keyboard->report[i];
        if (usage != 0 && !has(report, usage)) {
            send_usage(keyboard, usage, false, ring);
            keyboard->repeating = keyboard->repeating == usage ? 0 : keyboard->repeating;
        }
    }
}

static void take_pressed(struct usb_keyboard *keyboard, const uint8_t *report, uint64_t now_ns,
                         struct key_ring *ring)
{
    for (unsigned i = FIRST_KEY; i < USB_KEYBOARD_REPORT_BYTES; i++) {
        uint8_t usage = report[i];
        if (usage != 0 && !has(keyboard->report, usage)) {
            send_usage(keyboard, usage, true, ring);
            keyboard->repeating = usage;
            keyboard->repeat_ns = now_ns + REPEAT_FIRST_NS;
        }
    }
}

void usb_keyboard_take(struct usb_keyboard *keyboard, const uint8_t *report, size_t length,
                       uint64_t now_ns, struct key_ring *ring)
{
    if (length < USB_KEYBOARD_REPORT_BYTES) {
        return;
    }
    take_modifiers(keyboard, report[MODIFIERS], ring);
    if (!says_keys(report)) {
        return;
    }
    take_released(keyboard, report, ring);
    take_pressed(keyboard, report, now_ns, ring);
    memcpy(keyboard->report, report, USB_KEYBOARD_REPORT_BYTES);
}

// If it is served late, it repeats once and not for all the time that went by.
void usb_keyboard_repeat(struct usb_keyboard *keyboard, uint64_t now_ns, struct key_ring *ring)
{
    if (keyboard->repeating != 0 && now_ns >= keyboard->repeat_ns) {
        send_usage(keyboard, keyboard->repeating, true, ring);
        keyboard->repeat_ns = now_ns + REPEAT_NS;
    }
}

void usb_keyboard_release(struct usb_keyboard *keyboard)
{
    *keyboard = (struct usb_keyboard){.keys = {.caps_lock = keyboard->keys.caps_lock}};
}

uint8_t usb_keyboard_lights(const struct usb_keyboard *keyboard)
{
    return (uint8_t)(LIGHT_NUM_LOCK | (keyboard->keys.caps_lock ? LIGHT_CAPS_LOCK : 0));
}
