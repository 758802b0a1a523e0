// SPDX-License-Identifier: MIT
// Where Husk's own image lies in physical memory: the boot loader may move it.
#pragma once

#include "arch/x86/machine_memory.h"
#include "vmm/util/types.h"

// The image's memory, from the boot code to the first CPU's stack. Whole pages.
struct memory_span image_span(void);

// By how many bytes the image lies above the place for which it was linked.
uint64_t image_offset(void);

// The physical address of something in the image.
uint64_t image_physical(const void *address);
