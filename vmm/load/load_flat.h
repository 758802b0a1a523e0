// SPDX-License-Identifier: MIT
// The loader of boot sectors of any length.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct guest_memory;
struct load_request;
struct load_result;
struct payload;

// Whether a boot sector's signature is at its place.
bool flat_recognise(const struct payload *payload);

// The caller has filled `result` with zeros.
enum status load_flat(const struct load_request *request, const struct guest_memory *memory,
                      struct load_result *result, struct reason *why);
