// SPDX-License-Identifier: MIT
// A VM's EPT and permission bitmaps.
#pragma once

#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

enum status ept_create(struct nested_space **space);
void ept_destroy(struct nested_space *space);
enum status ept_map(struct nested_space *space, gpa_t gpa, hpa_t hpa, uint64_t bytes,
                    unsigned access);
// After an execute violation. True: the page at `gpa` may be executed now, so the guest tries
// again.
bool ept_allow_execute(struct nested_space *space, gpa_t gpa);
enum status ept_unmap(struct nested_space *space, gpa_t gpa, uint64_t bytes);
void vmx_intercept_msr(struct nested_space *space, uint32_t msr, bool reads, bool writes);
#define MSR_BITMAP_WRITES (2 * KIB) // behind the bitmaps of reads
// A bit of one of an MSR bitmap's four parts, or of an I/O bitmap's two.
void vmx_bitmap_set(uint8_t *bitmap, uint32_t bit, bool value);
