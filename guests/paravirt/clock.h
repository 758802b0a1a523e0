// SPDX-License-Identifier: MIT
// kvm-clock: the VM's clock as a function of the TSC.
#pragma once

// The rate that a CPUID leaf gives, the clock and the date.
void check_clock(void);
