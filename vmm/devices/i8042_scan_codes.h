// SPDX-License-Identifier: MIT
// Turns scan codes of set 1, which a controller makes, into those that a keyboard sends: of sets 2
// and 3.
#pragma once

#include "vmm/util/types.h"

#define SCAN_CODE_BYTES_MAX 2

// Turns one byte of set 1 (a key pressed or let go, or a prefix) into bytes of set 2. Returns their
// number.
unsigned i8042_to_set_2(uint8_t set_1, uint8_t bytes[SCAN_CODE_BYTES_MAX]);

#define BREAK_SET_1 0x80 // the bit that says: let go
#define BREAK_SET_2 0xf0 // of set 3 too: the prefix of a key that is let go
#define EXTENDED_SET_1 0xe0

// The key of set 3, less than I8042_SET_3_KEYS. `key` is set 1 without BREAK_SET_1. `extended`:
// EXTENDED_SET_1 was before it. 0: there is no such key.
uint8_t i8042_to_set_3(uint8_t key, bool extended);
