// SPDX-License-Identifier: MIT
// One line a check, and their count.
#include "guests/smp/report.h"

#include "guests/lib/print.h"

static bool good;
static unsigned made;
static unsigned failed;

void check_begin(const char *group, const char *name)
{
    print("smp: %s: %s: ", group, name);
    good = true;
    made++;
}

void check_fails(const char *what, uint64_t expected, uint64_t seen)
{
    if (good) {
        print("FAILED: %s: expected %lx, seen %lx", what, expected, seen);
        failed++;
    }
    good = false;
}

bool check_good(void)
{
    return good;
}

void check_end(void)
{
    print("%s\n", good ? "ok" : "");
}

void check_skip(const char *group, const char *name, const char *why)
{
    print("smp: %s: %s: skipped, %s\n", group, name, why);
}

unsigned checks_made(void)
{
    return made;
}

unsigned checks_failed(void)
{
    return failed;
}
