// SPDX-License-Identifier: MIT
// KVM's hypercalls for several processors.
#pragma once

// Needs a second processor, with APIC ID 1.
void check_calls(void);
