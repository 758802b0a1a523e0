// SPDX-License-Identifier: MIT
// Scan codes of set 1, which the controller makes, in set 2, which the keyboard sends.
#pragma once

#include "vmm/util/types.h"

#define SCAN_CODE_BYTES_MAX 2

// One byte of set 1 (a key pressed, let go, or a prefix) as it comes from the keyboard; returns how
// many bytes that is.
unsigned i8042_to_set_2(uint8_t set_1, uint8_t bytes[SCAN_CODE_BYTES_MAX]);
