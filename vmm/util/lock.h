// SPDX-License-Identifier: MIT
// A lock for sections of some dozen instructions. The hypervisor runs with interrupts off.
#pragma once

#include "vmm/util/types.h"

// The lock has no tickets. Where CPUs are threads of an emulator, all would wait for the CPU whose
// turn it is, while the emulator does not let that CPU run.
struct lock {
    uint32_t held;
};

static inline bool lock_try(struct lock *lock)
{
    return __atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE) == 0;
}

static inline bool lock_is_held(const struct lock *lock)
{
    return __atomic_load_n(&lock->held, __ATOMIC_RELAXED) != 0;
}

static inline void lock_take(struct lock *lock)
{
    while (!lock_try(lock)) {
        while (lock_is_held(lock)) {
        }
    }
}

static inline void lock_give(struct lock *lock)
{
    __atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}
