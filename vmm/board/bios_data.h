// SPDX-License-Identifier: MIT
// The BIOS data area and what else a PC's firmware leaves in low memory for an operating system.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct guest_memory;

// Fills the BIOS data area at 0x400, and the size in the extended one. Clears the screen, and fills
// the place for the ROMs of adapters as if there were none. `wall_clock_s` (seconds since
// 1970-01-01 00:00:00 UTC) gives the timer ticks since midnight. Fails if one of these areas is not
// RAM.
enum status bios_data_install(const struct guest_memory *memory, uint64_t wall_clock_s,
                              struct reason *why);
