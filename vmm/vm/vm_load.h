// SPDX-License-Identifier: MIT
// Loads the payload and the modules of a VM that starts, piece by piece.
#pragma once

#include "vmm/address.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct vm;

// To be called on the VM's home CPU, in the VM's address space, in this order.

// Maps the next piece of payload or modules for Husk. `*done`: all of them are mapped.
enum status vm_load_map(struct vm *vm, bool *done, struct reason *why);
// Writes what the firmware and the loader leave in memory, and plans what is to be copied.
enum status vm_load_plan(struct vm *vm, struct reason *why);
// Copies the next piece. Returns true once all is copied.
MUST_CHECK bool vm_load_copy(struct vm *vm);

// Maps the next piece of a module of `bytes` bytes for Husk, and moves `*mapped`, 0 at first, past
// it. Returns the address of the piece. NULL: there are no frames. In the VM's address space too.
const uint8_t *vm_map_module(struct vm *vm, hpa_t start, uint64_t bytes, uint64_t *mapped);
