// SPDX-License-Identifier: MIT
// Page tables in the RAM of a VM.
#pragma once

#include "vmm/debug/table_walk.h"

struct guest_memory;

struct ram_reader {
    struct table_reader reader;
    const struct guest_memory *memory;
};

void ram_reader_init(struct ram_reader *reader, const struct guest_memory *memory);
