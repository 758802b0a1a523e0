// SPDX-License-Identifier: MIT
// A lock for short sections; interrupts stay off while it is held.
#pragma once

#include "arch/x86/instructions.h"
#include "vmm/util/lock.h"
#include "vmm/util/types.h"

struct spinlock {
    struct lock lock;
};

// Returns what spinlock_release needs to restore the interrupt flag.
static inline uint64_t spinlock_acquire(struct spinlock *spinlock)
{
    uint64_t flags = interrupts_save();
    while (!lock_try(&spinlock->lock)) {
        while (lock_is_held(&spinlock->lock)) {
            pause();
        }
    }
    return flags;
}

static inline void spinlock_release(struct spinlock *spinlock, uint64_t flags)
{
    lock_give(&spinlock->lock);
    interrupts_restore(flags);
}
