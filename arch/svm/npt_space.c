// SPDX-License-Identifier: MIT
// What all vCPUs of a VM use: its nested tables, its permission maps and AVIC's tables.
#include "arch/svm/npt_space.h"

#include "arch/svm/npt.h"
#include "arch/svm/svm.h"
#include "arch/svm/svm_avic.h"
#include "arch/svm/svm_capability.h"
#include "arch/svm/svm_msr_map.h"
#include "arch/x86/frames.h"
#include "arch/x86/spinlock.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

// A bit for each port; an access at the last port may reach beyond it (APM Vol. 2 15.10.1).
#define IO_MAP_PAGES 3

bool npt_destroy(struct nested_space *space)
{
    if (space->root && !npt_free(space->root)) {
        return false;
    }
    if (space->msr_map) {
        frames_release(space->msr_map, MSR_MAP_PAGES);
    }
    if (space->io_map) {
        frames_release(space->io_map, IO_MAP_PAGES);
    }
    svm_avic_destroy(space);
    frames_release(space, 1);
    return true;
}

static enum status create_parts(struct nested_space *space)
{
    space->root = frames_allocate(1);
    space->msr_map = frames_allocate(MSR_MAP_PAGES);
    space->io_map = frames_allocate(IO_MAP_PAGES);
    if (!space->root || !space->msr_map || !space->io_map) {
        return STATUS_NO_MEMORY;
    }
    return svm_serves_apic() ? svm_avic_create(space) : STATUS_OK;
}

enum status npt_create(struct nested_space **result)
{
    static uint64_t generations; // no vCPU has seen the new one with another space
    struct nested_space *space = frames_allocate(1);
    if (!space) {
        return STATUS_NO_MEMORY;
    }
    enum status status = create_parts(space);
    if (status != STATUS_OK) {
        (void)!npt_destroy(space); // the few tables are one piece
        return status;
    }
    // Every access exits until svm_intercept_msr says otherwise.
    svm_msr_map_begin(space->msr_map);
    memset(space->io_map, 0xff, IO_MAP_PAGES * PAGE_SIZE);
    space->generation = __atomic_add_fetch(&generations, 1ULL << 32, __ATOMIC_RELAXED);
    *result = space;
    return STATUS_OK;
}

void svm_intercept_msr(struct nested_space *space, uint32_t msr, bool reads, bool writes)
{
    uint64_t flags = spinlock_acquire(&space->lock);
    svm_msr_map_set(space->msr_map, msr, reads, writes);
    if (space->x2apic_msr_map) {
        svm_msr_map_set(space->x2apic_msr_map, msr, reads, writes);
    }
    spinlock_release(&space->lock, flags);
}
