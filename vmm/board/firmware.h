// SPDX-License-Identifier: MIT
// The small ROM that stands in for a PC's firmware: guests/firmware/README.md.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct guest_memory;

#define FIRMWARE_MAX_BYTES (32 * KIB) // the MP tables lie below it

// Copies the image to the end of the first MiB and fills the real-mode vector table at address 0.
enum status firmware_install(const uint8_t *image, uint64_t size, const struct guest_memory *memory,
                             struct reason *why);
