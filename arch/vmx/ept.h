// SPDX-License-Identifier: MIT
// A VM's guest-physical memory in the EPT.
#pragma once

#include "vmm/address.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct nested_space;

enum status ept_create(struct nested_space *space);
void ept_destroy(struct nested_space *space); // also where ept_create failed
enum status ept_map(struct nested_space *space, gpa_t gpa, hpa_t hpa, uint64_t bytes,
                    unsigned access);
// After an execute violation. True: the page at `gpa` may be executed now, so the guest tries
// again.
bool ept_allow_execute(struct nested_space *space, gpa_t gpa);
enum status ept_unmap(struct nested_space *space, gpa_t gpa, uint64_t bytes);
