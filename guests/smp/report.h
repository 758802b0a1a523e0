// SPDX-License-Identifier: MIT
// Prints a line for each check, and counts the checks.
#pragma once

#include "vmm/util/types.h"

// Begins a check. check_fails reports a failure in it.
void check_begin(const char *group, const char *name);

// Reports what was expected and what was seen. Only the first failure of a check is printed.
void check_fails(const char *what, uint64_t expected, uint64_t seen);

// True if nothing has failed in this check yet.
bool check_good(void);
void check_end(void);

// Prints the line of a check that cannot be made here.
void check_skip(const char *group, const char *name, const char *why);

unsigned checks_made(void);
unsigned checks_failed(void);
