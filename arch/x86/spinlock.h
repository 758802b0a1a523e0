// SPDX-License-Identifier: MIT
// A lock for short sections; interrupts stay off while it is held.
#pragma once

#include "arch/x86/instructions.h"

struct spinlock {
    uint32_t locked;
};

static inline bool spinlock_try(struct spinlock *lock)
{
    return __atomic_exchange_n(&lock->locked, 1, __ATOMIC_ACQUIRE) == 0;
}

// Returns what spinlock_release needs to restore the interrupt flag.
static inline uint64_t spinlock_acquire(struct spinlock *lock)
{
    uint64_t flags = interrupts_save();
    while (!spinlock_try(lock)) {
        while (__atomic_load_n(&lock->locked, __ATOMIC_RELAXED)) {
            pause();
        }
    }
    return flags;
}

static inline void spinlock_release(struct spinlock *lock, uint64_t flags)
{
    __atomic_store_n(&lock->locked, 0, __ATOMIC_RELEASE);
    interrupts_restore(flags);
}
