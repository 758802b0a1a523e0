// SPDX-License-Identifier: MIT
// Address spaces of VMs: each has the hypervisor's half and the VM's own memory, and nothing of
// another VM.
#include "arch/x86/host_space.h"

#include "arch/x86/cpu.h"
#include "arch/x86/frames.h"
#include "arch/x86/guest_frames.h"
#include "arch/x86/host_hole.h"
#include "arch/x86/host_store.h"
#include "arch/x86/instructions.h"
#include "arch/x86/page_table.h"
#include "arch/x86/paging.h"
#include "arch/x86/panic.h"
#include "arch/x86/table_release.h"
#include "vmm/util/string.h"

#define WINDOW_BYTES (MODULE_WINDOW - GUEST_WINDOW)
#define WINDOW_SLOTS (WINDOW_BYTES / SLOT_BYTES)
#define SLOT_BYTES (512 * GIB) // a PML4 entry
#define OTHER_SLOTS 2          // behind the window: the modules, the store
#define GUEST_FLAGS (PAGE_PRESENT | PAGE_WRITABLE | PAGE_NO_EXECUTE)
#define MODULE_FLAGS (PAGE_PRESENT | PAGE_NO_EXECUTE)
// How many frames one piece gives back. A page of 1 GiB is given back at once.
#define FRAMES_A_PIECE 128

static uint64_t end_of(const struct guest_extent *extent)
{
    return extent->gpa.value + extent->bytes;
}

static enum status check_extents(const struct guest_extent *extents, unsigned count,
                                 struct reason *why)
{
    uint64_t end = 0;
    if (count > GUEST_EXTENTS) {
        return refuse(why, STATUS_RANGE, "%u pieces of guest memory, at most %u", count,
                      GUEST_EXTENTS);
    }
    for (unsigned i = 0; i < count; i++) {
        uint64_t start = extents[i].gpa.value;
        if (extents[i].bytes == 0 || !IS_ALIGNED(start | extents[i].bytes, PAGE_SIZE)) {
            return refuse(why, STATUS_INVALID, "guest memory at %#lx is not whole pages", start);
        }
        if (start < end || start >= WINDOW_BYTES || extents[i].bytes > WINDOW_BYTES - start) {
            return refuse(why, STATUS_RANGE, "guest memory at %#lx of %#lx bytes does not fit",
                          start, extents[i].bytes);
        }
        end = end_of(&extents[i]);
    }
    return STATUS_OK;
}

// The frames for the RAM of the extents that lies below `limit`.
static uint64_t frames_needed(const struct guest_extent *extents, unsigned count, uint64_t limit)
{
    uint64_t needed = 0;
    uint64_t next = 0; // the first 2 MiB unit that is not yet counted
    for (unsigned i = 0; i < count && extents[i].gpa.value < limit; i++) {
        uint64_t first = MAX(extents[i].gpa.value / GUEST_FRAME_BYTES, next);
        uint64_t end = MIN(end_of(&extents[i]), limit);
        next = ALIGN_UP(end, GUEST_FRAME_BYTES) / GUEST_FRAME_BYTES;
        needed += next - first;
    }
    return needed;
}

// Makes a PML4 with the hypervisor's half of the kernel's PML4, and nothing else.
static uint64_t create_root(void)
{
    uint64_t *root = frames_allocate(1);
    if (!root) {
        return 0;
    }
    const uint64_t *kernel = frames_virtual(paging_kernel_cr3());
    for (unsigned i = PAGE_TABLE_ENTRIES / 2; i < PAGE_TABLE_ENTRIES; i++) {
        root[i] = kernel[i];
    }
    return frames_physical(root);
}

enum status host_space_reserve(struct host_space *space, const struct guest_extent *extents,
                               unsigned count, struct reason *why)
{
    enum status status = check_extents(extents, count, why);
    if (status != STATUS_OK) {
        return status;
    }
    uint64_t needed = frames_needed(extents, count, UINT64_MAX);
    uint64_t missing = needed - frames_needed(extents, count, space->ram_end) + space->holes -
                       space->reserved_frames;
    if (!guest_frames_reserve(missing)) {
        return refuse(why, STATUS_NO_MEMORY, "%llu MiB asked, %llu MiB free",
                      needed * GUEST_FRAME_BYTES / MIB, guest_frames_free_bytes() / MIB);
    }
    if (space->cr3 == 0) {
        space->cr3 = create_root();
    }
    if (space->cr3 == 0) {
        guest_frames_unreserve(missing);
        return refuse(why, STATUS_NO_MEMORY, "Husk's own memory is full: no page tables");
    }
    space->reserved_frames += missing;
    space->window = GUEST_WINDOW;
    space->store = STORE_WINDOW;
    space->extent_count = count;
    memcpy(space->extents, extents, count * sizeof(*extents));
    return STATUS_OK;
}

// The entry that maps `gpa`, which is RAM.
static uint64_t look_up(const struct host_space *space, uint64_t gpa, uint64_t *page_bytes)
{
    return page_table_look_up(space->cr3, GUEST_WINDOW + gpa, page_bytes);
}

// Maps `frames` new frames, or a further part of one that the space has already.
static bool map_frames(struct host_space *space, uint64_t gpa, uint64_t bytes, uint64_t physical,
                       uint64_t frames)
{
    space->reserved_frames -= frames;
    if (page_table_map(space->cr3, GUEST_WINDOW + gpa, physical, bytes, GUEST_FLAGS)) {
        space->ram_end = gpa + bytes;
        return true;
    }
    page_table_unmap(space->cr3, GUEST_WINDOW + gpa, bytes);
    if (frames > 0) {
        guest_frames_release(hpa(ALIGN_DOWN(physical, GUEST_FRAME_BYTES)), frames);
    }
    return false;
}

// Gives the space its RAM from `gpa` on, at most to `end`: a whole GiB at once if there is one,
// else the part inside the same 2 MiB. Two extents may share a frame. False: no frames for page
// tables.
static bool grow(struct host_space *space, uint64_t gpa, uint64_t end)
{
    hpa_t frame;
    if (!space->in_units && IS_ALIGNED(gpa, GIB) && end - gpa >= GIB &&
        guest_frames_take(GIB / GUEST_FRAME_BYTES, GIB, &frame)) {
        return map_frames(space, gpa, GIB, frame.value, GIB / GUEST_FRAME_BYTES);
    }
    uint64_t slot = ALIGN_DOWN(gpa, GUEST_FRAME_BYTES);
    uint64_t upto = MIN(end, slot + GUEST_FRAME_BYTES);
    bool shared = slot < space->ram_end;
    if (shared) {
        uint64_t page_bytes;
        frame.value = look_up(space, space->ram_end - 1, &page_bytes) & PAGE_ADDRESS;
        frame.value = ALIGN_DOWN(frame.value, GUEST_FRAME_BYTES);
    } else if (!guest_frames_take(1, GUEST_FRAME_BYTES, &frame)) {
        return false;
    }
    return map_frames(space, gpa, upto - gpa, frame.value + (gpa - slot), !shared);
}

// The first extent with RAM at or above `gpa`. NULL: there is none.
static const struct guest_extent *extent_from(const struct host_space *space, uint64_t gpa)
{
    for (unsigned i = 0; i < space->extent_count; i++) {
        if (gpa < end_of(&space->extents[i])) {
            return &space->extents[i];
        }
    }
    return NULL;
}

enum status host_space_ram(struct host_space *space, gpa_t from, struct host_run *run)
{
    const struct guest_extent *extent = extent_from(space, from.value);
    uint64_t page_bytes;
    *run = (struct host_run){.bytes = 0};
    if (!extent) {
        return STATUS_OK;
    }
    uint64_t gpa = MAX(from.value, extent->gpa.value);
    if (gpa >= space->ram_end && !grow(space, gpa, end_of(extent))) {
        return STATUS_NO_MEMORY;
    }
    if (host_hole_is_at(space, gpa) &&
        !host_hole_fill_reserved(space, (gpa_t){ALIGN_DOWN(gpa, GUEST_FRAME_BYTES)})) {
        return STATUS_NO_MEMORY;
    }
    uint64_t entry = look_up(space, gpa, &page_bytes);
    uint64_t unit = MAX(page_bytes, GUEST_FRAME_BYTES); // all of it is contiguous
    run->gpa.value = gpa;
    run->hpa.value = (entry & PAGE_ADDRESS) + gpa % page_bytes;
    run->bytes = MIN(end_of(extent), ALIGN_DOWN(gpa, unit) + unit) - gpa;
    return STATUS_OK;
}

// Characters arrive while a VM's memory is zeroed.
void host_space_zero(const struct host_space *space, gpa_t gpa, uint64_t bytes)
{
    memset((uint8_t *)space->window + gpa.value, 0, bytes);
    interrupts_window();
}

// A CPU that still has these tables loaded would go on using frames that now belong to others.
static void leave_everywhere(const struct host_space *space)
{
    if (cpu_this()->cr3 == space->cr3) {
        paging_enter(paging_kernel_cr3());
    }
    for (unsigned i = 0; i < cpu_count(); i++) {
        if (cpu_by_index(i)->cr3 == space->cr3) {
            panic("address space %#lx destroyed while CPU %u is in it", space->cr3, i);
        }
    }
}

// Takes the last RAM back: a page of 1 GiB, or what lies in the last 2 MiB. Returns how many frames
// that are.
static uint64_t take_back(struct host_space *space)
{
    uint64_t page_bytes;
    uint64_t last = space->ram_end - 1;
    uint64_t entry = look_up(space, last, &page_bytes);
    uint64_t unit = MAX(page_bytes, GUEST_FRAME_BYTES);
    uint64_t slot = ALIGN_DOWN(last, unit);
    const struct guest_extent *extent = extent_from(space, last);
    uint64_t start = MAX(extent->gpa.value, slot);
    bool hole = host_hole_is_at(space, last);
    page_table_unmap(space->cr3, GUEST_WINDOW + start, space->ram_end - start);
    space->ram_end = start;
    if (start == extent->gpa.value) {
        space->ram_end = extent == space->extents ? 0 : end_of(extent - 1);
    }
    if (hole) {
        space->holes--;
    } else if (space->ram_end <= slot) { // else the extent before has a part of the frame
        guest_frames_release(hpa(ALIGN_DOWN(entry & PAGE_ADDRESS, unit)), unit / GUEST_FRAME_BYTES);
    }
    return unit / GUEST_FRAME_BYTES;
}

static bool drop_tables(const struct host_space *space)
{
    unsigned budget = TABLES_A_PIECE;
    for (unsigned slot = 0; slot < WINDOW_SLOTS + OTHER_SLOTS; slot++) {
        if (!page_table_drop(space->cr3, GUEST_WINDOW + slot * SLOT_BYTES, &budget)) {
            return false;
        }
    }
    return true;
}

bool host_space_empty(struct host_space *space)
{
    if (space->cr3 == 0) {
        return true;
    }
    leave_everywhere(space);
    guest_frames_unreserve(space->reserved_frames);
    space->reserved_frames = 0;
    for (uint64_t frames = 0; space->ram_end > 0 && frames < FRAMES_A_PIECE;) {
        frames += take_back(space);
    }
    return space->ram_end == 0;
}

bool host_space_destroy(struct host_space *space)
{
    if (space->cr3 == 0) {
        return true;
    }
    if (!host_space_empty(space)) {
        return false;
    }
    if (space->store_bytes > 0) {
        for (unsigned i = 0; i < FRAMES_A_PIECE && space->store_bytes > 0; i++) {
            host_store_shrink(space);
        }
        return false;
    }
    if (!drop_tables(space)) {
        return false;
    }
    frames_release(frames_virtual(space->cr3), 1);
    *space = (struct host_space){0};
    return true;
}

// A module appears at the window's start plus its physical address, so two modules never overlap,
// and large pages fit. If a page is already mapped, this module was mapped there before.
const uint8_t *host_space_map_module(struct host_space *space, hpa_t start, uint64_t bytes)
{
    uint64_t end = start.value + bytes;
    if (start.value >= SLOT_BYTES || bytes > SLOT_BYTES - start.value) {
        return NULL;
    }
    for (uint64_t page = ALIGN_DOWN(start.value, PAGE_SIZE); page < end;) {
        uint64_t page_bytes;
        bool large = IS_ALIGNED(page, PAGE_SIZE_2M) && end - page >= PAGE_SIZE_2M;
        uint64_t next = page + (large ? PAGE_SIZE_2M : PAGE_SIZE);
        if (page_table_look_up(space->cr3, MODULE_WINDOW + page, &page_bytes) == 0 &&
            !page_table_map(space->cr3, MODULE_WINDOW + page, page, next - page, MODULE_FLAGS)) {
            return NULL;
        }
        page = next;
    }
    return (const uint8_t *)(MODULE_WINDOW + start.value);
}

void host_space_enter(const struct host_space *space)
{
    paging_enter(space ? space->cr3 : paging_kernel_cr3());
}

void *host_allocate(uint64_t bytes)
{
    return frames_allocate(ALIGN_UP(bytes, PAGE_SIZE) / PAGE_SIZE);
}

void host_release(void *memory, uint64_t bytes)
{
    if (memory) {
        frames_release(memory, ALIGN_UP(bytes, PAGE_SIZE) / PAGE_SIZE);
    }
}

struct host_memory_use host_memory_use(void)
{
    return (struct host_memory_use){
        .guest_bytes = guest_frames_total_bytes(),
        .guest_free = guest_frames_free_bytes(),
        .hypervisor_bytes = frames_total_bytes(),
        .hypervisor_free = frames_free_bytes(),
    };
}
