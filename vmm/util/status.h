// SPDX-License-Identifier: MIT
// What a function that can fail returns, and the sentence that says why.
#pragma once

#include "vmm/util/types.h"

enum status {
    STATUS_OK = 0,
    STATUS_INVALID,     // an input is malformed
    STATUS_RANGE,       // an input is well-formed but outside what is allowed
    STATUS_NOT_FOUND,   // there is nothing of that name
    STATUS_BUSY,        // it is not possible in this state
    STATUS_NO_MEMORY,   // out of frames
    STATUS_UNSUPPORTED, // this machine or this version cannot do it
    STATUS_HARDWARE,    // the hardware refused
};

// One line for a person: what is wrong, where, and what was expected. No newline at the end.
struct reason {
    char text[160];
};

// Formats the sentence into `why` (which may be NULL) and returns `status`, so that a refusal is
// one line: `return refuse(why, STATUS_RANGE, "mem=%s: ...", word);`
enum status refuse(struct reason *why, enum status status, const char *format, ...)
    PRINTF_LIKE(3, 4);
