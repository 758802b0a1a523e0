// SPDX-License-Identifier: MIT
// What all vCPUs of a VM use: its nested tables, its permission maps and AVIC's tables.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct nested_space;

enum status npt_create(struct nested_space **space);
// Gives a part back. True: all of it is gone.
MUST_CHECK bool npt_destroy(struct nested_space *space);
// From now on these accesses of the VM to the MSR exit, or do not.
void svm_intercept_msr(struct nested_space *space, uint32_t msr, bool reads, bool writes);
