// SPDX-License-Identifier: MIT
// One line a check.
#pragma once

#include "vmm/util/types.h"

void report(const char *what, bool right);
// How many checks were wrong.
unsigned report_failures(void);
