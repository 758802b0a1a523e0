// SPDX-License-Identifier: MIT
// Memory ordering between processors, as SDM Vol. 3A 8.2 promises it.
#pragma once

// Prints a line for each check. Needs at least two processors.
void ordering_checks(void);
