// SPDX-License-Identifier: MIT
// The interrupts of the RTC model, for rtc.c.
#pragma once

#include "vmm/util/types.h"

struct rtc;

// Sets the flags of everything that happened up to now. Must be called before a read of register C
// and before a change of settings.
void rtc_catch_up(struct rtc *rtc, uint64_t now_ns);
// Must be called after any change of registers B and C.
void rtc_update_line(struct rtc *rtc);
