// SPDX-License-Identifier: MIT
// Tries every way out of the VM, one numbered attempt a line.
#include "guests/hostile/groups.h"
#include "guests/hostile/machine.h"
#include "guests/lib/options.h"
#include "guests/lib/print.h"
#include "guests/lib/start.h"

#define STATUS_USAGE 254
#define STATUS_MAX 253 // 255 is the library's: an exception that nobody expected

static const struct attempt_group *const groups[] = {
    &state_group,
    &memory_group,
    &ports_group,
    &devices_group,
    &msrs_group,
    &control_registers_group,
    &debug_registers_group,
    &virtualisation_group,
    &caches_group,
    &descriptors_group,
    &exceptions_group,
    &paging_group,
    &apic_page_group,
    &interrupts_group,
    &hypercalls_group,
    &user_group,
};

// What `only=` names, of the fatal ones.
static void run_fatal(const char *command_line, struct tally *tally)
{
    for (unsigned i = 0; i < fatal_group.count; i++) {
        const struct attempt *attempt = &fatal_group.attempts[i];
        if (option_lists(command_line, "only", attempt->name)) {
            print("hostile: trying %s\n", attempt->name);
            tally->runs++;
            tally->surprises += attempt_run(attempt, i + 1) ? 0 : 1;
        }
    }
}

static void print_fatal_names(void)
{
    print("hostile: only= expects one of");
    for (unsigned i = 0; i < fatal_group.count; i++) {
        print(" %s", fatal_group.attempts[i].name);
    }
    print("\n");
}

static void run_all(const char *command_line, struct tally *tally)
{
    tally->first = (unsigned)option_number(command_line, "from", 1);
    tally->last = (unsigned)option_number(command_line, "to", UINT32_MAX);
    for (unsigned i = 0; i < ARRAY_SIZE(groups); i++) {
        attempt_run_group(groups[i], tally);
    }
}

uint8_t guest_main(const struct guest *guest)
{
    struct tally tally = {.next = 1};
    machine_init();
    if (!option_given(guest->command_line, "only")) {
        run_all(guest->command_line, &tally);
    } else {
        run_fatal(guest->command_line, &tally);
        if (tally.runs == 0) {
            print_fatal_names();
            return STATUS_USAGE;
        }
    }
    print("hostile: %u attempts, %u surprises\n", tally.runs, tally.surprises);
    return (uint8_t)MIN(tally.surprises, STATUS_MAX);
}
