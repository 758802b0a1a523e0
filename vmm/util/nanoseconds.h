// SPDX-License-Identifier: MIT
// The unit of time in Husk: nanoseconds in 64 bits, enough for 584 years.
#pragma once

#include "vmm/util/types.h"

#define NS_PER_S 1000000000ULL
#define NS_PER_MS 1000000ULL
#define NS_PER_US 1000ULL

// A point in time that never comes: nothing is due.
#define NEVER_NS UINT64_MAX
