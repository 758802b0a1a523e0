// SPDX-License-Identifier: MIT
// TLB shootdown: what one processor changes in a page table, all others see after an IPI.
#pragma once

// Prints a line for each way of forgetting a translation. Two processors at least.
void shootdown_checks(void);
