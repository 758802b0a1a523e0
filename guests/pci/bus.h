// SPDX-License-Identifier: MIT
// What is on the bus, and where its base addresses are.
#pragma once

#include "vmm/util/types.h"

// Prints the functions. Returns how many of them are no host bridge.
unsigned bus_list(void);

// Prints the capabilities of a function.
void bus_list_capabilities(unsigned slot);

// Prints the size of each base address of 32 bits, moves it elsewhere, looks who answers at both
// places, and moves it back. Returns how many did not move.
unsigned bus_move_bars(unsigned slot);
