// SPDX-License-Identifier: MIT
// From scan codes of a PC keyboard (set 1, US layout) to the bytes that a terminal sends. Pure.
#pragma once

#include "vmm/util/types.h"

#define PS2_KEY_BYTES_MAX 8

// All zero: no key is held.
struct ps2_scan_codes {
    bool extended;        // after 0xe0
    unsigned passed_over; // codes still to come of a key that means nothing
    bool left_shift;
    bool right_shift;
    bool left_control;
    bool right_control;
    bool left_alt;
    bool right_alt;
    bool caps_lock;
    bool caps_lock_held; // it repeats like any other key
};

// Takes one code. Writes what the key sends into `bytes` and returns how many they are, mostly 0
// or 1: arrows, Home, End, Insert, Delete, Page Up, Page Down and F1 to F12 send xterm's sequences,
// Enter \r, Backspace DEL. The keypad has its digits; Alt puts an escape in front of a character.
size_t ps2_scan_codes_decode(struct ps2_scan_codes *keys, uint8_t code,
                             char bytes[PS2_KEY_BYTES_MAX]);
