// SPDX-License-Identifier: MIT
// What VT-x offers: features for vmm/, and their names for people.
#pragma once

struct feature_sink;

unsigned vmx_features(void); // enum backend_feature
// What the CPUs have and lack, with what a lack means.
void vmx_summarize(struct feature_sink *sink);
