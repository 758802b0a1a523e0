// SPDX-License-Identifier: MIT
// A Linux kernel that is started by its 16-bit entry: its real-mode part, as a boot loader leaves
// it (Linux/x86 Boot Protocol).
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct guest_memory;
struct linux_image;
struct linux_initrd;
struct load_result;

// The place of the command line: behind heap and stack.
uint64_t linux_setup_line(const struct linux_image *image);

// Writes the real-mode part, with the boot loader's fields filled in, and the command line, whose
// length is checked. Sets the start state.
enum status linux_write_setup(const struct linux_image *image, const struct linux_initrd *initrd,
                              const struct guest_memory *memory, struct load_result *result,
                              struct reason *why);
