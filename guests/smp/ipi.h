// SPDX-License-Identifier: MIT
// Sends interprocessor interrupts of every kind and checks which processors got them.
#pragma once

#include "vmm/util/types.h"

#define IPI_VECTOR 0x41      // counted
#define IPI_WAKE_VECTOR 0x42 // only ends a HLT

void ipi_init(void);

// Writes the command in the form of the APICs' mode. In xAPIC mode it waits until the APIC has sent
// it.
void ipi_send(uint32_t destination, uint32_t command);

// Prints a line for each kind of IPI that the mode has.
void ipi_checks(void);
