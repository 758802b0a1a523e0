// SPDX-License-Identifier: MIT
// Prints a line for each check, and counts the checks.
#include "guests/smp/report.h"

#include "guests/lib/print.h"

struct failure {
    const char *what;
    uint64_t expected;
    uint64_t seen;
};

static const char *check_group;
static const char *check_name;
static bool good;
static struct failure first;
static unsigned made;
static unsigned failed;

void check_begin(const char *group, const char *name)
{
    check_group = group;
    check_name = name;
    good = true;
    made++;
}

void check_fails(const char *what, uint64_t expected, uint64_t seen)
{
    if (good) {
        first = (struct failure){.what = what, .expected = expected, .seen = seen};
        failed++;
    }
    good = false;
}

bool check_good(void)
{
    return good;
}

// Prints the whole line at once. A check may take long, and the monitor cuts a line that comes in
// parts.
void check_end(void)
{
    if (good) {
        print("smp: %s: %s: ok\n", check_group, check_name);
    } else {
        print("smp: %s: %s: FAILED: %s: expected %lx, seen %lx\n", check_group, check_name,
              first.what, first.expected, first.seen);
    }
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
