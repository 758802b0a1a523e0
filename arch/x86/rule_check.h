// SPDX-License-Identifier: MIT
// Rules of a manual about fields, and the first of them that is broken.
#pragma once

#include "vmm/util/types.h"

struct checked_rule {
    bool broken;
    const char *section; // of the manual
    const char *field;
    uint64_t value;   // of the field
    const char *rule; // what must be so
};

// Copies the first rule that is broken. False: none is.
bool rule_check_first(const struct checked_rule *rules, unsigned count, struct checked_rule *found);
