// SPDX-License-Identifier: MIT
// Address spaces of VMs: the memory functions of struct host (vmm/host.h has their contracts).
#pragma once

#include "vmm/address.h"
#include "vmm/host.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

enum status host_space_reserve(struct host_space *space, const struct guest_extent *extents,
                               unsigned count, struct reason *why);
enum status host_space_ram(struct host_space *space, gpa_t from, struct host_run *run);
// Takes pending interrupts at its end.
void host_space_zero(const struct host_space *space, gpa_t gpa, uint64_t bytes);
// No other CPU may have the space loaded. This CPU leaves it.
bool host_space_empty(struct host_space *space);
// Likewise.
bool host_space_destroy(struct host_space *space);
const uint8_t *host_space_map_module(struct host_space *space, hpa_t start, uint64_t bytes);
void host_space_enter(const struct host_space *space);

void *host_allocate(uint64_t bytes);
void host_release(void *memory, uint64_t bytes);
struct host_memory_use host_memory_use(void);
