// SPDX-License-Identifier: MIT
// Finds the first broken rule.
#include "arch/x86/rule_check.h"

#include "vmm/util/types.h"

bool rule_check_first(const struct checked_rule *rules, unsigned count, struct checked_rule *found)
{
    for (unsigned i = 0; i < count; i++) {
        if (rules[i].broken) {
            *found = rules[i];
            return true;
        }
    }
    return false;
}
