// SPDX-License-Identifier: MIT
// AMD-V as a back end. kernel_main chooses one.
#pragma once

#include "vmm/backend.h"

extern const struct vcpu_ops svm_ops;
