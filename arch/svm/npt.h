// SPDX-License-Identifier: MIT
// Nested page tables: a VM's guest-physical memory.
#pragma once

#include "arch/x86/nested_table.h"
#include "vmm/address.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct nested_space;

enum status npt_map(struct nested_space *space, gpa_t gpa, hpa_t hpa, uint64_t bytes,
                    unsigned access);
enum status npt_unmap(struct nested_space *space, gpa_t gpa, uint64_t bytes);
// Makes nested tables for one vCPU in `tables`, the root first. They map what the space maps, and
// `page` at `gpa` besides. False: something is mapped there already.
bool npt_copy_path(struct nested_space *space, gpa_t gpa, uint64_t *tables[NESTED_LEVELS],
                   hpa_t page);
// Frees all tables below `root`, and the root.
void npt_free(uint64_t *root);
