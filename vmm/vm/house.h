// SPDX-License-Identifier: MIT
// When Husk's own work on CPU 0 (monitor, consoles, log) has its turns.
#pragma once

#include "vmm/util/types.h"

struct scheduler;

// While VMs want CPU 0, Husk's own work takes at most one part in so many of the CPU's time.
#define HOUSE_PARTS 30
// The next turn comes after this time at the latest, so that a key is answered within 50 ms.
#define HOUSE_WAIT_MAX_NS 45000000ULL

struct house {
    uint64_t due_ns;     // when it wants its next turn; 0: at once
    uint64_t allowed_ns; // while VMs want the CPU, it has no turn before this time
};

// Whether it has a turn now, which means that it wants one and may have it.
bool house_may_turn(const struct house *house, struct scheduler *scheduler);
// A turn has ended. It began when house_may_turn said so. `due_ns`: see struct house.
void house_end_turn(struct house *house, struct scheduler *scheduler, uint64_t due_ns);
// When it wants its next turn and may have it, although VMs want the CPU.
uint64_t house_next_ns(const struct house *house);
