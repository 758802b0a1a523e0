// SPDX-License-Identifier: MIT
// A VMCS for tests: fields that keep what is written. A value that is wider than its field fails
// the test.
#pragma once

void fake_vmcs_clear(void); // all fields are 0, and nothing was written
// How often a field was written since fake_vmcs_clear.
unsigned fake_vmcs_writes(void);
