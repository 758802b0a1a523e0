// SPDX-License-Identifier: MIT
// Sorts measurements.
#pragma once

#include "vmm/util/types.h"

// The smallest first.
void sort_numbers(uint32_t *numbers, unsigned count);
