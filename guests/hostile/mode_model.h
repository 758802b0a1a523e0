// SPDX-License-Identifier: MIT
// What a write to CR0, CR4 or EFER does, by the manuals.
#pragma once

#include "guests/hostile/modes.h"

// Asks CPUID which bits there are.
void mode_model_init(void);

// True if the write is legal; `after` gets what the registers must hold then. `in_64_bits`: the
// code that writes is 64-bit code.
bool mode_model_foresee(const struct mode_trial *trial, bool in_64_bits, struct mode_trial *after);
