// SPDX-License-Identifier: MIT
// One line a check, and their count.
#pragma once

#include "vmm/util/types.h"

// Begins a check; what fails in it is said by check_fails.
void check_begin(const char *group, const char *name);

// Only the first failure of a check is told, with what was expected and what was seen.
void check_fails(const char *what, uint64_t expected, uint64_t seen);

// True if nothing failed yet in this check.
bool check_good(void);
void check_end(void);

// The line of a check that cannot be made here.
void check_skip(const char *group, const char *name, const char *why);

unsigned checks_made(void);
unsigned checks_failed(void);
