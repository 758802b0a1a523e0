// SPDX-License-Identifier: MIT
// NMIs while NMIs are blocked.
#pragma once

// Makes one check on the first processor, as a part of `group`. Its handler for NMIs stays
// installed.
void nmi_check(const char *group);
