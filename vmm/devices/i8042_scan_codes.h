// SPDX-License-Identifier: MIT
// Turns scan codes of set 1, which a controller makes, into those of set 2, which a keyboard sends.
#pragma once

#include "vmm/util/types.h"

#define SCAN_CODE_BYTES_MAX 2

// Turns one byte of set 1 (a key pressed or let go, or a prefix) into bytes of set 2. Returns their
// number.
unsigned i8042_to_set_2(uint8_t set_1, uint8_t bytes[SCAN_CODE_BYTES_MAX]);
