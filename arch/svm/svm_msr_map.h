// SPDX-License-Identifier: MIT
// The MSR permission map: which accesses exit (APM Vol. 2 15.11).
#pragma once

#include "vmm/util/types.h"

#define MSR_MAP_PAGES 2

// Every access exits.
void svm_msr_map_begin(uint8_t *msr_map);
// From now on these accesses to the MSR exit, or do not, by this map.
void svm_msr_map_set(uint8_t *msr_map, uint32_t msr, bool reads, bool writes);
