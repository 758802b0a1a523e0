// SPDX-License-Identifier: MIT
// Which optional features the user has switched off with `no=`.
#pragma once

#include "arch/x86/features.h"
#include "vmm/util/types.h"

// BSP, once, before anything asks: bit n is the enum optional_feature n.
void features_switch_off(uint64_t set);

// Asked where it is found out whether a feature is there; nothing else knows of `no=`.
bool feature_is_off(enum optional_feature feature);

// What a summary says of a feature that is not used: "off by no=", or else `otherwise`.
const char *feature_remark(enum optional_feature feature, const char *otherwise);
