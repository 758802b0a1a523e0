// SPDX-License-Identifier: MIT
// Which optional features the user has switched off with `no=`.
#pragma once

#include "arch/x86/features.h"
#include "vmm/util/types.h"

// On the BSP, once, before the first call of feature_is_off. Bit n stands for enum optional_feature
// n.
void features_switch_off(uint64_t set);

// The code that detects a feature asks this too. Nothing else knows of `no=`.
bool feature_is_off(enum optional_feature feature);

// The text of a summary for a feature that is not used: "off by no=", or else `otherwise`.
const char *feature_remark(enum optional_feature feature, const char *otherwise);
