// SPDX-License-Identifier: MIT
// Ends an emulated instruction with a fault.
#pragma once

#include "vmm/emulate/emulate.h"
#include "vmm/util/types.h"

struct emulator;

// Sets the event to inject, and returns EMULATE_FAULT. All vectors but #UD get the error code.
enum emulate_result emulator_fault(struct emulator *emulator, uint8_t vector, uint32_t error_code);
