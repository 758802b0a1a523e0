// SPDX-License-Identifier: MIT
// The interrupts of the RTC model.
#pragma once

#include "vmm/util/types.h"

struct rtc;

// When an enabled interrupt is raised next; NEVER_NS: none is.
uint64_t rtc_next_event_ns(const struct rtc *rtc, uint64_t now_ns);
void rtc_advance(struct rtc *rtc, uint64_t now_ns);

// ---- For rtc.c ----

// Sets the flags of everything that happened up to now. Must be called before a read of register C
// and before a change of settings.
void rtc_catch_up(struct rtc *rtc, uint64_t now_ns);
// Must be called after any change of registers B and C.
void rtc_update_line(struct rtc *rtc);
