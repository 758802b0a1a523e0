// SPDX-License-Identifier: MIT
// Why VMRUN refuses a guest.
#pragma once

struct vmcb;

// The first rule of APM Vol. 2 15.5.1, "Canonicalization and Consistency Checks", that this VMCB
// breaks, in words; the hardware says only that there is one.
const char *svm_invalid_text(const struct vmcb *vmcb);
