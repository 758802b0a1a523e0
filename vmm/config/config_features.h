// SPDX-License-Identifier: MIT
// The words after `no=`, as a set of features.
#pragma once

#include "vmm/util/types.h"

// Adds the feature of that name (`length` bytes) to `set`. False: there is no such feature.
bool config_feature_add(const char *name, size_t length, uint64_t *set);

// Writes all names with commas, one line for each call. `*next` must be 0 at the first call. False:
// there are no more names.
#define CONFIG_FEATURE_LINE 100
bool config_feature_line(unsigned *next, char line[CONFIG_FEATURE_LINE]);
