// SPDX-License-Identifier: MIT
// What all vCPUs of a VM use: its EPT, its permission bitmaps and its APIC-access page.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct nested_space;

enum status vmx_create_space(struct nested_space **space);
// Gives a part back. True: all of it is gone.
MUST_CHECK bool vmx_destroy_space(struct nested_space *space);
