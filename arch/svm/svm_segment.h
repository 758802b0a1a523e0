// SPDX-License-Identifier: MIT
// Guest segments and descriptor tables.
#pragma once

#include "vmm/backend.h"

void svm_get_segment(const struct vcpu_core *vcpu, enum guest_segment which,
                     struct segment *segment);
void svm_set_segment(struct vcpu_core *vcpu, enum guest_segment which,
                     const struct segment *segment);
