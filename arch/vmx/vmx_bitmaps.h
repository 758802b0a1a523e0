// SPDX-License-Identifier: MIT
// A VM's MSR and I/O bitmaps: which accesses exit.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct nested_space;

// With `serves_apic` there is a second MSR bitmap, for vCPUs whose local APIC is in x2APIC mode.
// vmx_bitmaps_destroy follows even if vmx_bitmaps_create fails.
enum status vmx_bitmaps_create(struct nested_space *space, bool serves_apic);
void vmx_bitmaps_destroy(struct nested_space *space);
void vmx_intercept_msr(struct nested_space *space, uint32_t msr, bool reads, bool writes);
