// SPDX-License-Identifier: MIT
// What all vCPUs of a VM use: its EPT, its permission bitmaps and its APIC-access page.
#pragma once

#include "vmm/backend.h"
#include "vmm/util/status.h"

enum status ept_create(struct nested_space **space);
void ept_destroy(struct nested_space *space);
