// SPDX-License-Identifier: MIT
// NMIs while NMIs are blocked.
#pragma once

// One check, named after `group`, on the first processor. Leaves its own handler for NMIs.
void nmi_check(const char *group);
