// SPDX-License-Identifier: MIT
// The four functions that the compiler may call by itself.
#pragma once

#include "vmm/util/types.h"

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
