// SPDX-License-Identifier: MIT
// The boot information of Multiboot 1: tells a loaded kernel its memory, modules and command line.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct guest_memory;
struct load_placement;
struct load_request;

// Puts the boot information (Multiboot Specification 0.6.96, 3.3) into RAM, and then the further
// modules. `info` becomes the information's address. Other kinds of payload get it too.
enum status multiboot1_inform(const struct load_request *request, struct load_placement *placement,
                              uint64_t *info, struct reason *why);

// The bytes that information and modules take, in whole pages. Refused if the modules are larger
// than all RAM.
enum status multiboot1_measure(const struct load_request *request,
                               const struct guest_memory *memory, uint64_t *bytes,
                               struct reason *why);
