// SPDX-License-Identifier: MIT
// Room in RAM beside a payload's image, for its modules and its boot information.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct load_request;

// Multiboot tells the payload the loader's name. Some loaders put the image's name before the words
// of the command line. GRUB 2 and Husk do not. Xen looks for "GRUB " and a digit that is not 0 in
// the name, and drops the first word if it does not find them.
#define LOADER_NAME "Husk, in the place of GRUB 2"

// Where the next piece may go: on a page of its own, from `next` on, below `end` (at most 4 GiB),
// and outside the areas of the PC itself.
struct load_placement {
    const struct guest_memory *memory;
    uint64_t next;
    uint64_t end;
};

enum status load_place(struct load_placement *placement, const char *what, uint64_t bytes,
                       uint64_t *address, struct reason *why);

// Plans to copy each further module to pages of its own. `addresses` has LOAD_MODULES_MAX entries.
enum status load_place_modules(const struct load_request *request, struct load_placement *placement,
                               uint64_t *addresses, struct reason *why);

// Structures and texts, one after another. The block is written twice: first without `bytes`, to
// measure it, and then in the place that has been found for it.
struct load_block {
    uint8_t *bytes; // NULL: only measure
    uint64_t address;
    uint64_t used;
};

// Appends to the block, without padding.
void load_write(struct load_block *block, const void *from, uint64_t bytes);
// Pads with zeros, so that the next append is at a multiple of 8.
void load_align(struct load_block *block);
// load_align, then load_write. Returns the address of what was appended.
uint64_t load_append(struct load_block *block, const void *from, uint64_t bytes);
