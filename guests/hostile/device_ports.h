// SPDX-License-Identifier: MIT
// Which ports may be written at random.
#pragma once

#include "vmm/util/types.h"

// False if a write would end or reset the VM, or print, or go beyond the last port.
bool port_may_be_written(uint32_t port, unsigned width);
