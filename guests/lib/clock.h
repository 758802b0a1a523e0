// SPDX-License-Identifier: MIT
// Time that does not depend on interrupts: Husk's clock, or the TSC on a machine without Husk.
#pragma once

#include "vmm/util/types.h"

#define NS_PER_MS 1000000ULL
#define NS_PER_S 1000000000ULL

void clock_init(void);
uint64_t clock_ns(void);
