// SPDX-License-Identifier: MIT
// What a write to CR0, CR4 or EFER does according to the manuals.
#pragma once

#include "guests/hostile/modes.h"

// Asks CPUID which bits exist.
void mode_model_init(void);

// Returns true if the write is legal; `after` then gets what the registers must hold. `in_64_bits`:
// the write is made by 64-bit code.
bool mode_model_foresee(const struct mode_trial *trial, bool in_64_bits, struct mode_trial *after);
