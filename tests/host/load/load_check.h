// SPDX-License-Identifier: MIT
// What must hold after any payload, however broken, has been loaded or refused.
#pragma once

#include "vmm/load/load.h"

// NULL, or what is wrong: a loaded payload's start state points into RAM only; a refusal is one
// line.
const char *load_complaint(enum status status, const struct load_result *result,
                           const struct guest_memory *memory, const struct reason *why);
