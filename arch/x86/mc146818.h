// SPDX-License-Identifier: MIT
// The date in the machine's CMOS clock (MC146818).
#pragma once

#include "vmm/util/types.h"

// Reads the clock as seconds since 1970. `century` is the CMOS index of the century. With 0 there
// is no such register, and the year is 20xx. Gives 0 if the machine has no clock or a wrong date.
uint64_t mc146818_read(uint8_t century);
