// SPDX-License-Identifier: MIT
// Nested page tables: a VM's guest-physical memory.
#pragma once

#include "arch/x86/nested_table.h"
#include "vmm/address.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct nested_space;
struct nested_way;

// Maps a part; returns how many bytes, or 0 if there are no frames (struct space_ops).
MUST_CHECK uint64_t npt_map(struct nested_space *space, gpa_t gpa, hpa_t hpa, uint64_t bytes,
                            unsigned access);
void npt_find(struct nested_space *space, gpa_t gpa, struct nested_way *way);
enum status npt_unmap(struct nested_space *space, gpa_t gpa, uint64_t bytes);
// Makes nested tables for one vCPU in `tables`, the root first. They map what the space maps, and
// `page` at `gpa` besides. False: something is mapped there already.
bool npt_copy_path(struct nested_space *space, gpa_t gpa, uint64_t *tables[NESTED_LEVELS],
                   hpa_t page);
// Frees some of the tables below `root`. True: all are freed, and the root too.
MUST_CHECK bool npt_free(uint64_t *root);
