// SPDX-License-Identifier: MIT
// A USB keyboard in the boot protocol: from its reports to the bytes that a terminal would send
// (HID 1.11 appendix B.1 and C, HID Usage Tables 1.12 chapter 10). Pure.
#pragma once

#include "drivers/ps2_scan_codes.h"
#include "vmm/util/types.h"

struct key_ring;

#define USB_KEYBOARD_REPORT_BYTES 8 // modifiers, reserved, the keys that are down

// All zero: no key is down.
struct usb_keyboard {
    struct ps2_scan_codes keys;
    uint8_t report[USB_KEYBOARD_REPORT_BYTES]; // the last one
    uint8_t repeating;                         // the usage of the key that repeats; 0: none
    uint64_t repeat_ns;                        // when it sends the next time
};

// Takes a report. What newly pressed keys send goes into `ring`. A report that is too short is
// passed over. `now_ns` is the time from which a held key repeats.
void usb_keyboard_take(struct usb_keyboard *keyboard, const uint8_t *report, size_t length,
                       uint64_t now_ns, struct key_ring *ring);
// Lets the key that is held send again if it is time. The keyboard itself does not repeat.
void usb_keyboard_repeat(struct usb_keyboard *keyboard, uint64_t now_ns, struct key_ring *ring);
// The keyboard is lost: all keys are up.
void usb_keyboard_release(struct usb_keyboard *keyboard);

// The output report: which lights are on. Num Lock's always is, because the keypad has its digits.
uint8_t usb_keyboard_lights(const struct usb_keyboard *keyboard);
