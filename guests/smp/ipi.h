// SPDX-License-Identifier: MIT
// Interprocessor interrupts of every kind, and who got them.
#pragma once

#include "vmm/util/types.h"

#define IPI_VECTOR 0x41      // counted
#define IPI_WAKE_VECTOR 0x42 // only ends a HLT

// Parts of the interrupt command register (SDM Vol. 3A 10.6.1).
#define IPI_FIXED 0U
#define IPI_LOWEST_PRIORITY 0x100U
#define IPI_NMI 0x400U
#define IPI_INIT 0x500U
#define IPI_STARTUP 0x600U
#define IPI_LOGICAL 0x800U
#define IPI_SELF 0x40000U
#define IPI_ALL 0x80000U
#define IPI_ALL_BUT_SELF 0xc0000U

void ipi_init(void);

// Writes the command as the APICs' mode has it; waits until the xAPIC has sent it.
void ipi_send(uint32_t destination, uint32_t command);

// A line each for every kind of IPI that the mode has.
void ipi_checks(void);
