// SPDX-License-Identifier: MIT
// An interrupt handler that notes when its first instruction runs.
#pragma once

#include "vmm/util/types.h"

// The time of the last interrupt. Clear `arrived` before the next.
extern volatile uint64_t arrival_tsc;
extern volatile uint8_t arrived;

// For idt_set. It does not end the interrupt at the local APIC or the device.
void arrival_handler(void);
