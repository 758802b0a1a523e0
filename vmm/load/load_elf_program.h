// SPDX-License-Identifier: MIT
// The loaders of ELF executables that follow no boot protocol.
#pragma once

#include "vmm/util/status.h"

struct guest_memory;
struct load_request;
struct load_result;

// For each class its loader. The caller has filled `result` with zeros.
enum status load_elf32(const struct load_request *request, const struct guest_memory *memory,
                       struct load_result *result, struct reason *why);
enum status load_elf64(const struct load_request *request, const struct guest_memory *memory,
                       struct load_result *result, struct reason *why);
