// SPDX-License-Identifier: MIT
// Attacks by output without end.
#include "guests/greedy/attack.h"
#include "guests/lib/port.h"
#include "guests/lib/print.h"

#define DEBUG_PORT 0xe9

static void print_lines(void)
{
    for (unsigned i = 0; !attack_over(); i++) {
        print("%u bottles of beer on the wall, and as many under the table\n", i);
    }
}

static void print_bytes(void)
{
    while (!attack_over()) {
        out8(DEBUG_PORT, 'x');
    }
}

static const struct attack attacks[] = {
    {"print", print_lines, NULL, true},
    {"bytes", print_bytes, NULL, true},
};

const struct attack_group output_group = {attacks, ARRAY_SIZE(attacks)};
