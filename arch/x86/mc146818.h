// SPDX-License-Identifier: MIT
// The machine's CMOS clock (MC146818): its date, and the length of its seconds.
#pragma once

#include "vmm/util/types.h"

// Reads the clock as seconds since 1970. `century` is the CMOS index of the century. With 0 there
// is no such register, and the year is 20xx. Gives 0 if the machine has no clock or a wrong date.
uint64_t mc146818_read(uint8_t century);

// The TSC's ticks in one second of this clock, give or take what an access to its ports costs. It
// takes up to two seconds. 0: there is no clock, or it stands still.
uint64_t mc146818_tsc_hz(void);
