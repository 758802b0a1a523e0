// SPDX-License-Identifier: MIT
// Why VMRUN refuses a guest.
#pragma once

struct vmcb;

// Says in words which rule of APM Vol. 2 15.5.1, "Canonicalization and Consistency Checks", this
// VMCB breaks: the first one. The hardware says only that it breaks one.
const char *svm_invalid_text(const struct vmcb *vmcb);
