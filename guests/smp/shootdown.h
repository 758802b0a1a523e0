// SPDX-License-Identifier: MIT
// TLB shootdown: what one processor changes in a page table, all others see after an IPI.
#pragma once

// Prints a line for each way to drop a translation. Needs at least two processors.
void shootdown_checks(void);
