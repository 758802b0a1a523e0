// SPDX-License-Identifier: MIT
// The loader of Multiboot 2 kernels.
#pragma once

#include "vmm/util/status.h"

struct guest_memory;
struct load_request;
struct load_result;

// The caller has filled `result` with zeros.
enum status load_multiboot2(const struct load_request *request, const struct guest_memory *memory,
                            struct load_result *result, struct reason *why);
