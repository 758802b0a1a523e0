// SPDX-License-Identifier: MIT
// Interprocessor interrupts of every kind, and who got them.
#pragma once

#include "vmm/util/types.h"

#define IPI_VECTOR 0x41      // counted
#define IPI_WAKE_VECTOR 0x42 // only ends a HLT

void ipi_init(void);

// Writes the command as the APICs' mode has it; waits until the xAPIC has sent it.
void ipi_send(uint32_t destination, uint32_t command);

// A line each for every kind of IPI that the mode has.
void ipi_checks(void);
