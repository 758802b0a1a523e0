// SPDX-License-Identifier: MIT
// The other processors. They are started anew for each attack.
#pragma once

#include "vmm/util/types.h"

// Prepares the start of the others. CPUID tells how many there are.
void processors_init(void);
unsigned processor_count(void);

// Starts all others and waits for them. Then all run `job` again and again, with interrupts on.
// Returns false if not all came within some seconds.
bool processors_start(void (*job)(void));

// Sends INIT to all others.
void processors_stop(void);
