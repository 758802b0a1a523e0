// SPDX-License-Identifier: MIT
// The device memory of a VM's PC.
#pragma once

#include "vmm/address.h"
#include "vmm/util/types.h"

struct pc;

// Puts every device at its addresses, once, in pc_init.
void pc_claim_memory(struct pc *pc);

// An access to an address that is not RAM. False if no device is there.
MUST_CHECK bool pc_memory_read(struct pc *pc, gpa_t address, unsigned width, uint64_t *value);
MUST_CHECK bool pc_memory_write(struct pc *pc, gpa_t address, unsigned width, uint64_t value);
