// SPDX-License-Identifier: MIT
// The machine as vmm/ sees it.
#pragma once

#include "vmm/host.h"

extern const struct host host_table;
