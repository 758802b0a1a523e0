// SPDX-License-Identifier: MIT
// The loader of Multiboot 1 kernels.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct guest_memory;
struct load_request;
struct load_result;
struct payload;

// Whether a Multiboot 1 header lies in the first 8192 bytes.
bool multiboot1_recognise(const struct payload *payload);

// The caller has filled `result` with zeros.
enum status load_multiboot1(const struct load_request *request, const struct guest_memory *memory,
                            struct load_result *result, struct reason *why);
