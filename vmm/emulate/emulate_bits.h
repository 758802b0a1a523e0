// SPDX-License-Identifier: MIT
// Instructions on single bits, and on the bits of a number as a row.
#pragma once

#include "vmm/emulate/emulate.h"

struct emulator;

enum emulate_result emulator_bit(struct emulator *emulator);  // BT to BTC
enum emulate_result emulator_scan(struct emulator *emulator); // BSF to POPCNT
enum emulate_result emulator_crc32(struct emulator *emulator);
enum emulate_result emulator_shift(struct emulator *emulator); // ROL to SAR, SHLD, SHRD
