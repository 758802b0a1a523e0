// SPDX-License-Identifier: MIT
// The names that a command may take, for completion and for guessing what a wrong name meant.
#include "vmm/console/console.h"
#include "vmm/monitor/monitor.h"
#include "vmm/monitor/monitor_internal.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_create.h"

#define GUESS_LENGTH 31  // longer words are not guessed at
#define GUESS_DISTANCE 2 // changes of one character

static const char *command_name(unsigned index)
{
    const struct command *command = monitor_command_at(index);
    return command ? command->name : NULL;
}

static const char *vm_name(const struct vmm *vmm, unsigned index)
{
    return index < vmm->vm_count ? vmm->vms[index]->config.name : NULL;
}

// First the VMs, then the linked payloads without a VM of the same name.
static const char *startable_name(struct vmm *vmm, unsigned index)
{
    if (index < vmm->vm_count) {
        return vm_name(vmm, index);
    }
    index -= vmm->vm_count;
    for (unsigned i = 0; i < vmm->linked_count; i++) {
        if (!vm_find(vmm, vmm->linked[i].name) && index-- == 0) {
            return vmm->linked[i].name;
        }
    }
    return NULL;
}

const char *monitor_name(const struct monitor *monitor, enum completion_kind kind, unsigned index)
{
    switch (kind) {
    case COMPLETE_COMMAND:
        return command_name(index);
    case COMPLETE_VM:
        return vm_name(monitor->vmm, index);
    case COMPLETE_STARTABLE:
        return startable_name(monitor->vmm, index);
    case COMPLETE_NOTHING:
    default:
        return NULL;
    }
}

// How many characters must be added, removed or replaced to turn `b` into `a` (Levenshtein
// distance). Works row by row through the table of distances between the beginnings of both.
static size_t distance(const char *a, const char *b)
{
    size_t row[GUESS_LENGTH + 1];
    size_t length = strlen(b);
    for (size_t j = 0; j <= length; j++) {
        row[j] = j;
    }
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= length; j++) {
            size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            size_t added = MIN(row[j], row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = MIN(replaced, added);
        }
    }
    return row[length];
}

const char *monitor_near_miss(const struct monitor *monitor, enum completion_kind kind,
                              const char *word)
{
    const char *best = NULL;
    size_t best_distance = GUESS_DISTANCE + 1;
    const char *name;
    if (strlen(word) > GUESS_LENGTH) {
        return NULL;
    }
    for (unsigned i = 0; (name = monitor_name(monitor, kind, i)); i++) {
        size_t length = strlen(name);
        size_t found = length <= GUESS_LENGTH ? distance(word, name) : best_distance;
        if (found < best_distance && found < length) {
            best = name;
            best_distance = found;
        }
    }
    return best;
}

struct vm *monitor_find_vm(struct monitor *monitor, const char *name)
{
    struct vm *vm = vm_find(monitor->vmm, name);
    const char *guess;
    if (vm) {
        return vm;
    }
    guess = monitor_near_miss(monitor, COMPLETE_VM, name);
    if (guess) {
        console_format(monitor->console, "no VM '%s'; did you mean '%s'? 'vms' lists them\n", name,
                       guess);
    } else {
        console_format(monitor->console, "no VM '%s'; 'vms' lists them\n", name);
    }
    return NULL;
}
