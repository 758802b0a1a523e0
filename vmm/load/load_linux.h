// SPDX-License-Identifier: MIT
// The loader of Linux kernels.
#pragma once

#include "vmm/util/status.h"

struct guest_memory;
struct load_request;
struct load_result;

// The caller has filled `result` with zeros.
enum status load_linux(const struct load_request *request, const struct guest_memory *memory,
                       struct load_result *result, struct reason *why);
