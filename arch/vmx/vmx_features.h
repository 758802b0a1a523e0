// SPDX-License-Identifier: MIT
// What VT-x offers to vmm/ and to the reader of the boot log.
#pragma once

unsigned vmx_features(void); // enum backend_feature
// One line a feature. A feature that is missing comes with what its lack means.
void vmx_summarize(void (*line)(const char *text));
