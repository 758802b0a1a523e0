// SPDX-License-Identifier: MIT
// Finds out which vCPUs of a CPU want to run. It looks only at those for which something is new.
#pragma once

#include "vmm/util/types.h"
#include "vmm/vm/scheduler.h"

struct vm;

// Looks at what came into the inbox, and at the sleepers whose time has come. Each VM pays for the
// looks at it.
void scheduler_look(struct scheduler *scheduler);
// The vCPU has just run.
void scheduler_look_after(struct scheduler *scheduler, struct vm *vm, unsigned index);
// The VM's state may have changed.
void scheduler_look_at_vm(struct scheduler *scheduler, struct vm *vm);

// Whether the inbox holds something.
static inline bool scheduler_has_mail(const struct scheduler *scheduler)
{
    return __atomic_load_n(&scheduler->woken, __ATOMIC_SEQ_CST) ||
           __atomic_load_n(&scheduler->changed, __ATOMIC_SEQ_CST);
}
