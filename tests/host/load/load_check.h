// SPDX-License-Identifier: MIT
// What must hold after any payload, however broken, has been loaded or refused.
#pragma once

#include "vmm/load/load.h"
#include "vmm/load/load_plan.h"

// NULL, or what is wrong. A loaded payload's start state points into RAM only. What is copied lies
// in RAM, and no byte of RAM is written twice: so a load never copies more than the VM's RAM. A
// refusal is one line.
const char *load_complaint(enum status status, const struct load_result *result,
                           const struct load_plan *plan, const struct guest_memory *memory,
                           const struct reason *why);
