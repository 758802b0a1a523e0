// SPDX-License-Identifier: MIT
// The words after `no=`, as a set of features.
#pragma once

#include "arch/x86/features.h"

// Adds the feature of that name (`length` bytes) to `set`; false: there is none.
bool config_feature_add(const char *name, size_t length, uint64_t *set);

// All names, with commas, a line for each call: `*next` starts at 0 and is where to go on. False:
// that was all.
#define CONFIG_FEATURE_LINE 100
bool config_feature_line(unsigned *next, char line[CONFIG_FEATURE_LINE]);
