// SPDX-License-Identifier: MIT
// VT-x as a back end, for the code that chooses one.
#pragma once

#include "vmm/backend.h"

extern const struct vcpu_ops vmx_ops;
