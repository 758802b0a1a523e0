// SPDX-License-Identifier: MIT
// The hypervisor's own memory: 4 KiB frames from a pool below 4 GiB, mapped in every address space.
#pragma once

#include "arch/x86/machine_memory.h"
#include "vmm/util/types.h"

// Chooses the pool from usable RAM. The pool overlaps neither the image nor an occupied span.
void frames_init(const struct machine_memory *memory);

// Gives `pages` contiguous frames, zeroed. NULL: there are none. From any CPU.
void *frames_allocate(uint64_t pages);
void frames_release(void *memory, uint64_t pages);

// Convert between a frame's address and its physical address.
uint64_t frames_physical(const void *memory);
void *frames_virtual(uint64_t physical);

// The physical address of a page below 1 MiB for the code that starts other CPUs. 0: there is none.
// The page is not mapped.
uint64_t frames_low_page(void);

uint64_t frames_total_bytes(void);
uint64_t frames_free_bytes(void);

// The pool, in physical addresses.
struct memory_span frames_pool(void);
