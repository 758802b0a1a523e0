// SPDX-License-Identifier: MIT
// Holes in the RAM of a VM's address space: frames that the VM has given away (vmm/host.h has the
// contract).
#pragma once

#include "vmm/address.h"
#include "vmm/util/types.h"

struct host_space;

void host_hole_make(struct host_space *space, gpa_t gpa);
bool host_hole_fill(struct host_space *space, gpa_t gpa);

// Whether the frame that maps RAM at `gpa` stands in for one that was given away.
bool host_hole_is_at(const struct host_space *space, uint64_t gpa);
// Fills a hole with a frame that the space has reserved. False: it has none.
bool host_hole_fill_reserved(struct host_space *space, gpa_t gpa);
