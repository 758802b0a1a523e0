// SPDX-License-Identifier: MIT
// Takes frames out of a VM's address space, and puts others in. Where a frame is missing, the VM's
// own first one stands in for it: whatever Husk does there, it touches this VM's memory only.
#include "arch/x86/host_hole.h"

#include "arch/x86/guest_frames.h"
#include "arch/x86/page_table.h"
#include "vmm/host.h"

#define GUEST_FLAGS (PAGE_PRESENT | PAGE_WRITABLE | PAGE_NO_EXECUTE)

static_assert(HOST_UNIT_BYTES == GUEST_FRAME_BYTES, "a unit is a frame");

static hpa_t frame_of(const struct host_space *space, uint64_t gpa)
{
    uint64_t page_bytes;
    uint64_t entry = page_table_look_up(space->cr3, GUEST_WINDOW + gpa, &page_bytes);
    return hpa(ALIGN_DOWN(entry & PAGE_ADDRESS, GUEST_FRAME_BYTES));
}

// The first unit is never given away: the VGA hole is in it.
bool host_hole_is_at(const struct host_space *space, uint64_t gpa)
{
    return space->holes > 0 && gpa >= GUEST_FRAME_BYTES &&
           frame_of(space, gpa).value == frame_of(space, 0).value;
}

// The unit is one page, so the tables are there.
static void map(const struct host_space *space, gpa_t gpa, hpa_t frame)
{
    uint64_t at = GUEST_WINDOW + gpa.value;
    page_table_unmap(space->cr3, at, GUEST_FRAME_BYTES);
    (void)!page_table_map(space->cr3, at, frame.value, GUEST_FRAME_BYTES, GUEST_FLAGS);
}

void host_hole_make(struct host_space *space, gpa_t gpa)
{
    hpa_t frame = frame_of(space, gpa.value);
    map(space, gpa, frame_of(space, 0));
    guest_frames_release(frame, 1);
    space->holes++;
}

// For one frame that is reserved guest_frames_take finds one.
static bool fill(struct host_space *space, gpa_t gpa)
{
    hpa_t frame;
    if (!guest_frames_take(1, GUEST_FRAME_BYTES, &frame)) {
        return false;
    }
    map(space, gpa, frame);
    space->holes--;
    return true;
}

bool host_hole_fill(struct host_space *space, gpa_t gpa)
{
    return guest_frames_reserve(1) && fill(space, gpa);
}

bool host_hole_fill_reserved(struct host_space *space, gpa_t gpa)
{
    if (space->reserved_frames == 0 || !fill(space, gpa)) {
        return false;
    }
    space->reserved_frames--;
    return true;
}
