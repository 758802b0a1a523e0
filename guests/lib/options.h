// SPDX-License-Identifier: MIT
// Words and key=value pairs of a command line.
#pragma once

#include "vmm/util/types.h"

// True if `word` stands on the line by itself.
bool option_word(const char *line, const char *word);

// The number after `key=`, or `otherwise`.
uint64_t option_number(const char *line, const char *key, uint64_t otherwise);

// True if `name` is among the comma-separated names after `key=`.
bool option_lists(const char *line, const char *key, const char *name);

// True if `key=` is on the line.
bool option_given(const char *line, const char *key);
