// SPDX-License-Identifier: MIT
// The store in a VM's address space: memory for what the VM writes to its disks (vmm/host.h has the
// contract).
#pragma once

#include "vmm/util/types.h"

struct host_space;

uint64_t host_store_grow(struct host_space *space);
// Gives the last memory of the store back. There is some.
void host_store_shrink(struct host_space *space);
