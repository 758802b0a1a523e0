// SPDX-License-Identifier: MIT
// Time that does not depend on interrupts: Husk's clock, or the TSC on a machine without Husk.
#pragma once

#include "vmm/util/types.h"

#define NS_PER_MS 1000000ULL
#define NS_PER_S 1000000000ULL

void clock_init(void);
uint64_t clock_ns(void);

// Waits until `*counter`, which others count up, is at least `wanted`. Returns false if that takes
// longer than `patience_ns`.
bool clock_wait_for_count(const volatile uint32_t *counter, uint32_t wanted, uint64_t patience_ns);
