// SPDX-License-Identifier: MIT
// A VM's guest-physical memory in the EPT.
#pragma once

#include "vmm/address.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct nested_space;
struct nested_way;

enum status ept_create(struct nested_space *space);
// Also where ept_create failed. Releases some tables. True: all of them are released.
MUST_CHECK bool ept_destroy(struct nested_space *space);
// Maps a part; returns how many bytes, or 0 if there are no frames (struct space_ops).
MUST_CHECK uint64_t ept_map(struct nested_space *space, gpa_t gpa, hpa_t hpa, uint64_t bytes,
                            unsigned access);
// After an execute violation. True: the page at `gpa` may be executed now, so the guest tries
// again.
bool ept_allow_execute(struct nested_space *space, gpa_t gpa);
void ept_find(struct nested_space *space, gpa_t gpa, struct nested_way *way);
enum status ept_unmap(struct nested_space *space, gpa_t gpa, uint64_t bytes);
