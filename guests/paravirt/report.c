// SPDX-License-Identifier: MIT
// Prints and counts the results of the checks.
#include "guests/paravirt/report.h"

#include "guests/lib/print.h"

static unsigned failures;

void report(const char *what, bool right)
{
    print("paravirt: %s: %s\n", what, right ? "right" : "WRONG");
    failures += right ? 0 : 1;
}

unsigned report_failures(void)
{
    return failures;
}
