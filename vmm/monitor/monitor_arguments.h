// SPDX-License-Identifier: MIT
// The words of a command.
#pragma once

#define MONITOR_WORDS_MAX 8 // more than any command takes

struct arguments {
    unsigned count; // the command itself does not count
    const char *words[MONITOR_WORDS_MAX];
};
