// SPDX-License-Identifier: MIT
// VMREAD and VMWRITE for host tests: they reach the fields of fake_vmcs.c.
#pragma once

#include "vmm/util/types.h"

uint64_t vmcs_read_raw(uint32_t encoding);
void vmcs_write_raw(uint32_t encoding, uint64_t value);
