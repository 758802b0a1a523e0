// SPDX-License-Identifier: MIT
// Keeps the set of optional features that are switched off.
#include "arch/x86/feature_switches.h"

static uint64_t switched_off; // written once, before other CPUs run

void features_switch_off(uint64_t set)
{
    switched_off = set;
}

bool feature_is_off(enum optional_feature feature)
{
    return feature < OPTIONAL_COUNT && (switched_off & BIT(feature));
}

const char *feature_remark(enum optional_feature feature, const char *otherwise)
{
    return feature_is_off(feature) ? "off by no=" : otherwise;
}
