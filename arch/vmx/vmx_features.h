// SPDX-License-Identifier: MIT
// What VT-x offers: features for vmm/, lines for the boot log.
#pragma once

unsigned vmx_features(void); // enum backend_feature
// One line for each feature. If it is missing, the line says what follows.
void vmx_summarize(void (*line)(const char *text));
