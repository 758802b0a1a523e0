// SPDX-License-Identifier: MIT
// Plays one that takes more of a CPU than its share, or one that measures what is left.
#include "guests/greedy/attack.h"
#include "guests/greedy/processors.h"
#include "guests/greedy/time.h"
#include "guests/greedy/victim.h"
#include "guests/lib/options.h"
#include "guests/lib/print.h"
#include "guests/lib/start.h"

#define STATUS_USAGE 254
#define STATUS_NO_TIMER 253
#define STATUS_ALONE 252
#define ALL_MS 10 // for each

static const struct attack_group *const groups[] = {
    &busy_group, &output_group, &timers_group,  &device_timers_group,
    &ipis_group, &disks_group,  &packets_group,
};

static uint8_t run(const struct attack *attack, uint64_t ms)
{
    if (!attack_run(attack, ms)) {
        print("greedy: %s: not all processors came\n", attack->name);
        return STATUS_ALONE;
    }
    print("greedy: %s: done\n", attack->name);
    return 0;
}

static uint8_t run_all(const char *line)
{
    const uint64_t ms = option_number(line, "ms", ALL_MS);
    uint8_t status = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(groups); i++) {
        for (unsigned j = 0; j < groups[i]->count && status == 0; j++) {
            const struct attack *attack = &groups[i]->attacks[j];
            status = attack->apart ? 0 : run(attack, ms);
        }
    }
    return status;
}

static const struct attack *find_attack(const char *line)
{
    for (unsigned i = 0; i < ARRAY_SIZE(groups); i++) {
        for (unsigned j = 0; j < groups[i]->count; j++) {
            if (option_lists(line, "play", groups[i]->attacks[j].name)) {
                return &groups[i]->attacks[j];
            }
        }
    }
    return NULL;
}

static uint8_t usage(void)
{
    print("greedy: expects victim, sleeper, gaps, all, or play= and one of");
    for (unsigned i = 0; i < ARRAY_SIZE(groups); i++) {
        for (unsigned j = 0; j < groups[i]->count; j++) {
            print(" %s", groups[i]->attacks[j].name);
        }
    }
    print("\n");
    return STATUS_USAGE;
}

uint8_t guest_main(const struct guest *guest)
{
    const char *line = guest->command_line;
    const struct attack *attack = find_attack(line);
    if (!time_init()) {
        print("greedy: there is no TSC-deadline timer\n");
        return STATUS_NO_TIMER;
    }
    attack_init();
    processors_init();
    if (option_word(line, "victim")) {
        return victim_compute(line);
    }
    if (option_word(line, "sleeper")) {
        return victim_sleep(line);
    }
    if (option_word(line, "gaps")) {
        return victim_count_gaps(line);
    }
    if (option_word(line, "all")) {
        return run_all(line);
    }
    return attack ? run(attack, option_number(line, "ms", 0)) : usage();
}
