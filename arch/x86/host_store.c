// SPDX-License-Identifier: MIT
// Adds memory to the store of a VM's address space, and takes it back.
#include "arch/x86/host_store.h"

#include "arch/x86/guest_frames.h"
#include "arch/x86/page_table.h"
#include "vmm/address.h"
#include "vmm/host.h"

#define STORE_FLAGS (PAGE_PRESENT | PAGE_WRITABLE | PAGE_NO_EXECUTE)

// The other CPUs that are in the space need not be told: nothing was mapped there before.
uint64_t host_store_grow(struct host_space *space)
{
    uint64_t at = space->store + space->store_bytes;
    hpa_t frame;
    if (space->store_bytes + GUEST_FRAME_BYTES > STORE_BYTES_MAX || !guest_frames_reserve(1)) {
        return 0;
    }
    if (!guest_frames_take(1, GUEST_FRAME_BYTES, &frame)) {
        guest_frames_unreserve(1);
        return 0;
    }
    if (!page_table_map(space->cr3, at, frame.value, GUEST_FRAME_BYTES, STORE_FLAGS)) {
        page_table_unmap(space->cr3, at, GUEST_FRAME_BYTES);
        guest_frames_release(frame, 1);
        return 0;
    }
    space->store_bytes += GUEST_FRAME_BYTES;
    return GUEST_FRAME_BYTES;
}

void host_store_shrink(struct host_space *space)
{
    uint64_t page_bytes;
    uint64_t at = space->store + space->store_bytes - GUEST_FRAME_BYTES;
    hpa_t frame = hpa(page_table_look_up(space->cr3, at, &page_bytes) & PAGE_ADDRESS);
    page_table_unmap(space->cr3, at, GUEST_FRAME_BYTES);
    guest_frames_release(frame, 1);
    space->store_bytes -= GUEST_FRAME_BYTES;
}
