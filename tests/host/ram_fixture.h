// SPDX-License-Identifier: MIT
// The RAM of a VM, for tests of what is put there.
#pragma once

#include "vmm/memory/guest_memory.h"

extern uint8_t *ram;
extern struct guest_memory memory; // describes `ram`

// Makes RAM of that size, and sets each byte to `fill`. Frees the RAM that was there before.
void ram_set(uint64_t bytes, uint8_t fill);
// For cmocka: frees the RAM.
int ram_tear_down(void **state);
