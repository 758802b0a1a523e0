// SPDX-License-Identifier: MIT
// The boot information of Multiboot 1, which tells a loaded kernel what it was given.
#pragma once

#include "vmm/load.h"

// Puts the further modules and the boot information (Multiboot Specification 0.6.96, 3.3) into RAM
// above `image_end`, below 4 GiB and outside a PC's own areas. `info` is the information's address.
enum status multiboot1_inform(const struct load_request *request, const struct guest_memory *memory,
                              uint64_t image_end, uint64_t *info, struct reason *why);
