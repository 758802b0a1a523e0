// SPDX-License-Identifier: MIT
// Memory of a VM for a debugger, who may read and write what the guest itself may not. To be called
// by vm_call.
#pragma once

#include "vmm/util/types.h"

struct gdb_place;
struct vm;

// Return how many bytes were there, from the first on. `place` is a place of that VM.
size_t gdb_memory_read(struct vm *vm, struct gdb_place place, void *bytes, size_t length);
size_t gdb_memory_write(struct vm *vm, struct gdb_place place, const void *bytes, size_t length);
