// SPDX-License-Identifier: MIT
// A lock for sections of some dozen instructions, without interrupts: the hypervisor has them off.
#pragma once

#include "vmm/util/types.h"

struct lock {
    uint32_t held;
};

static inline void lock_take(struct lock *lock)
{
    while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE) != 0) {
        while (__atomic_load_n(&lock->held, __ATOMIC_RELAXED) != 0) {
        }
    }
}

static inline void lock_give(struct lock *lock)
{
    __atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}
