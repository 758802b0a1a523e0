// SPDX-License-Identifier: MIT
// Tries every way out of the VM, one numbered attempt a line.
#include "guests/hostile/disk.h"
#include "guests/hostile/groups.h"
#include "guests/hostile/machine.h"
#include "guests/hostile/processors.h"
#include "guests/lib/options.h"
#include "guests/lib/print.h"
#include "guests/lib/start.h"

#define SMP_PROCESSORS 4
#define STATUS_USAGE 254
#define STATUS_MAX 253 // 255 belongs to the library: an exception without a handler

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
    &apic_registers_group,
    &apic_vectors_group,
    &apic_modes_group,
    &ioapic_group,
    &hpet_group,
    &device_ports_group,
    &paging_devices_group,
    &decoder_group,
    &transitions_group,
};

// The groups that run with the word `smp`, or `virtio`, or both.
static const struct attempt_group *const smp_groups[] = {&storms_group, &races_group};
static const struct attempt_group *const virtio_groups[] = {
    &virtio_balloon_group, &virtio_rings_group, &virtio_requests_group, &virtio_registers_group};
static const struct attempt_group *const virtio_smp_groups[] = {&virtio_races_group,
                                                                &virtio_balloon_races_group};

// Runs the fatal attempts that `only=` names.
static void run_fatal(const struct attempt_group *group, const char *command_line,
                      struct tally *tally)
{
    for (unsigned i = 0; i < group->count; i++) {
        const struct attempt *attempt = &group->attempts[i];
        if (option_lists(command_line, "only", attempt->name)) {
            print("hostile: trying %s\n", attempt->name);
            tally->runs++;
            tally->surprises += attempt_run(attempt, i + 1) ? 0 : 1;
        }
    }
}

static void print_names(const struct attempt_group *group)
{
    print("hostile: only= expects one of");
    for (unsigned i = 0; i < group->count; i++) {
        print(" %s", group->attempts[i].name);
    }
    print("\n");
}

static void run_all(const struct attempt_group *const *list, unsigned count,
                    const char *command_line, struct tally *tally)
{
    tally->first = (unsigned)option_number(command_line, "from", 1);
    tally->last = (unsigned)option_number(command_line, "to", UINT32_MAX);
    for (unsigned i = 0; i < count; i++) {
        attempt_run_group(list[i], tally);
    }
}

static void run_virtio(const char *line, bool smp, struct tally *tally)
{
    if (!disk_find()) {
        print("hostile: no disk: the VM's line wants ram-disk=NAME:1M\n");
        tally->surprises = 1;
    } else if (smp) {
        run_all(virtio_smp_groups, ARRAY_SIZE(virtio_smp_groups), line, tally);
    } else {
        run_all(virtio_groups, ARRAY_SIZE(virtio_groups), line, tally);
    }
}

uint8_t guest_main(const struct guest *guest)
{
    const char *line = guest->command_line;
    const bool smp = option_word(line, "smp");
    const struct attempt_group *fatal = smp ? &fatal_races_group : &fatal_group;
    struct tally tally = {.next = 1};
    machine_init();
    if (smp) {
        processors_init((unsigned)option_number(line, "cpus", SMP_PROCESSORS),
                        option_word(line, "exits"));
    }
    if (option_given(line, "only")) {
        run_fatal(fatal, line, &tally);
        if (tally.runs == 0) {
            print_names(fatal);
            return STATUS_USAGE;
        }
    } else if (option_word(line, "virtio")) {
        run_virtio(line, smp, &tally);
    } else if (smp) {
        run_all(smp_groups, ARRAY_SIZE(smp_groups), line, &tally);
    } else {
        run_all(groups, ARRAY_SIZE(groups), line, &tally);
    }
    print("hostile: %u attempts, %u surprises\n", tally.runs, tally.surprises);
    return (uint8_t)MIN(tally.surprises, STATUS_MAX);
}
