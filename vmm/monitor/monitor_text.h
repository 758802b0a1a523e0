// SPDX-License-Identifier: MIT
// Sizes, durations and reasons of a VM's end, as text for the user.
#pragma once

#include "vmm/util/types.h"

struct vm;

#define MONITOR_TEXT_BYTES 200

struct monitor_text {
    char text[MONITOR_TEXT_BYTES];
};

// A counter that other CPUs count up.
static inline unsigned long long monitor_counter(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

struct monitor_text monitor_size_text(uint64_t bytes);     // "512 MiB"
struct monitor_text monitor_duration_text(uint64_t ns);    // "1:02:03"
struct monitor_text monitor_end_text(const struct vm *vm); // why the VM is off or ended
// vm_state_name, or "stuck" if the VM is not over and one of its CPUs does not answer.
const char *monitor_state_name(const struct vm *vm);
