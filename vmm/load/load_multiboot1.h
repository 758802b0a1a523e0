// SPDX-License-Identifier: MIT
// The boot information of Multiboot 1, which tells a loaded kernel what it was given.
#pragma once

#include "vmm/load/load.h"
#include "vmm/load/load_place.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/status.h"

// Puts the boot information (Multiboot Specification 0.6.96, 3.3) and then the further modules into
// RAM. `info` is the information's address. Other kinds of payload than Multiboot 1 get it too.
enum status multiboot1_inform(const struct load_request *request, struct load_placement *placement,
                              uint64_t *info, struct reason *why);

// How much room that takes, page by page. Refused where the modules alone are more than all RAM.
enum status multiboot1_measure(const struct load_request *request,
                               const struct guest_memory *memory, uint64_t *bytes,
                               struct reason *why);
