// SPDX-License-Identifier: MIT
// What must hold after any payload, however broken, has been loaded or refused.
#pragma once

#include "vmm/load/load.h"
#include "vmm/load/load_plan.h"

// Returns NULL, or what is wrong. The start state of a loaded payload points only into RAM. All
// copies go to RAM, and no byte of RAM is written twice. So a load never copies more than the VM's
// RAM. A refusal is one line.
const char *load_complaint(enum status status, const struct load_result *result,
                           const struct load_plan *plan, const struct guest_memory *memory,
                           const struct reason *why);
