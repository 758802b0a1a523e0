// SPDX-License-Identifier: MIT
// Address spaces of VMs: each has the hypervisor's half and the VM's own memory, and nothing of
// another VM.
#include "arch/x86/host_space.h"

#include "arch/x86/cpu.h"
#include "arch/x86/frames.h"
#include "arch/x86/guest_frames.h"
#include "arch/x86/instructions.h"
#include "arch/x86/page_table.h"
#include "arch/x86/paging.h"
#include "arch/x86/panic.h"
#include "vmm/util/string.h"

#define WINDOW_BYTES (MODULE_WINDOW - GUEST_WINDOW)
#define WINDOW_SLOTS (WINDOW_BYTES / SLOT_BYTES)
#define SLOT_BYTES (512 * GIB) // a PML4 entry
#define GUEST_FLAGS (PAGE_PRESENT | PAGE_WRITABLE | PAGE_NO_EXECUTE)
#define MODULE_FLAGS (PAGE_PRESENT | PAGE_NO_EXECUTE)
#define NO_FRAME UINT64_MAX

// The 2 MiB of guest-physical memory that got a frame last. Two extents may share a frame.
struct last_frame {
    uint64_t slot; // its gpa
    uint64_t physical;
};

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

static uint64_t frames_needed(const struct guest_extent *extents, unsigned count)
{
    uint64_t needed = 0;
    uint64_t next = 0; // the first 2 MiB unit that is not yet counted
    for (unsigned i = 0; i < count; i++) {
        uint64_t first = MAX(extents[i].gpa.value / GUEST_FRAME_BYTES, next);
        next = ALIGN_UP(end_of(&extents[i]), GUEST_FRAME_BYTES) / GUEST_FRAME_BYTES;
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

// Maps guest memory from `gpa`, at most to `end`. It maps a whole GiB at once if there is one, else
// the part inside the same 2 MiB. Returns where to go on. `gpa` itself means: out of frames.
static uint64_t map_some(const struct host_space *space, uint64_t gpa, uint64_t end,
                         struct last_frame *last)
{
    hpa_t run;
    if (IS_ALIGNED(gpa, GIB) && end - gpa >= GIB &&
        guest_frames_allocate(GIB / GUEST_FRAME_BYTES, GIB, &run)) {
        if (page_table_map(space->cr3, GUEST_WINDOW + gpa, run.value, GIB, GUEST_FLAGS)) {
            return gpa + GIB;
        }
        page_table_unmap(space->cr3, GUEST_WINDOW + gpa, GIB);
        guest_frames_release(run, GIB / GUEST_FRAME_BYTES);
        return gpa;
    }
    uint64_t slot = ALIGN_DOWN(gpa, GUEST_FRAME_BYTES);
    bool is_new = slot != last->slot;
    if (is_new) {
        if (!guest_frames_allocate(1, GUEST_FRAME_BYTES, &run)) {
            return gpa;
        }
        *last = (struct last_frame){.slot = slot, .physical = run.value};
    }
    uint64_t upto = MIN(end, slot + GUEST_FRAME_BYTES);
    if (page_table_map(space->cr3, GUEST_WINDOW + gpa, last->physical + (gpa - slot), upto - gpa,
                       GUEST_FLAGS)) {
        return upto;
    }
    // All tables are made before the first entry, so no page of this part is mapped.
    if (is_new) {
        guest_frames_release(hpa(last->physical), 1);
    }
    return gpa;
}

static bool map_extents(const struct host_space *space)
{
    struct last_frame last = {.slot = NO_FRAME};
    for (unsigned i = 0; i < space->extent_count; i++) {
        uint64_t end = end_of(&space->extents[i]);
        uint64_t gpa = space->extents[i].gpa.value;
        while (gpa < end) {
            uint64_t next = map_some(space, gpa, end, &last);
            if (next == gpa) {
                return false;
            }
            gpa = next;
        }
    }
    return true;
}

enum status host_space_create(struct host_space *space, const struct guest_extent *extents,
                              unsigned count, struct reason *why)
{
    *space = (struct host_space){0};
    enum status status = check_extents(extents, count, why);
    if (status != STATUS_OK) {
        return status;
    }
    uint64_t needed = frames_needed(extents, count) * GUEST_FRAME_BYTES;
    if (needed > guest_frames_free_bytes()) {
        return refuse(why, STATUS_NO_MEMORY, "%llu MiB asked, %llu MiB free", needed / MIB,
                      guest_frames_free_bytes() / MIB);
    }

    *space =
        (struct host_space){.cr3 = create_root(), .window = GUEST_WINDOW, .extent_count = count};
    memcpy(space->extents, extents, count * sizeof(*extents));
    if (space->cr3 == 0) {
        return refuse(why, STATUS_NO_MEMORY, "Husk's own memory is full: no page tables");
    }
    if (!map_extents(space)) {
        host_space_destroy(space);
        return refuse(why, STATUS_NO_MEMORY, "no memory for the page tables of %llu MiB",
                      needed / MIB);
    }
    return STATUS_OK;
}

// Zeroing all memory of a VM takes long. Characters arrive meanwhile.
void host_space_zero(const struct host_space *space, gpa_t gpa, uint64_t bytes)
{
    uint64_t before = cpu_this()->cr3;
    paging_enter(space->cr3);
    memset((uint8_t *)GUEST_WINDOW + gpa.value, 0, bytes);
    paging_enter(before);
    interrupts_window();
}

// Releases the frames behind one extent. Extents may share a frame: `next` is the first gpa whose
// frame is not yet released.
static void release_extent(const struct host_space *space, const struct guest_extent *extent,
                           uint64_t *next)
{
    uint64_t gpa = MAX(extent->gpa.value, *next);
    while (gpa < end_of(extent)) {
        uint64_t page_bytes;
        uint64_t entry = page_table_look_up(space->cr3, GUEST_WINDOW + gpa, &page_bytes);
        uint64_t unit = MAX(page_bytes, GUEST_FRAME_BYTES);
        if (entry != 0) {
            guest_frames_release(hpa(ALIGN_DOWN(entry & PAGE_ADDRESS, unit)),
                                 unit / GUEST_FRAME_BYTES);
        }
        gpa = ALIGN_DOWN(gpa, unit) + unit;
    }
    *next = MAX(*next, gpa);
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

void host_space_destroy(struct host_space *space)
{
    uint64_t next = 0;
    if (space->cr3 == 0) {
        return;
    }
    leave_everywhere(space);
    for (unsigned i = 0; i < space->extent_count; i++) {
        release_extent(space, &space->extents[i], &next);
    }
    for (unsigned slot = 0; slot < WINDOW_SLOTS; slot++) {
        page_table_drop(space->cr3, GUEST_WINDOW + slot * SLOT_BYTES);
    }
    page_table_drop(space->cr3, MODULE_WINDOW);
    frames_release(frames_virtual(space->cr3), 1);
    *space = (struct host_space){0};
}

// The entry that maps `gpa`. 0: there is none.
static uint64_t look_up(const struct host_space *space, uint64_t gpa, uint64_t *page_bytes)
{
    return gpa < WINDOW_BYTES ? page_table_look_up(space->cr3, GUEST_WINDOW + gpa, page_bytes) : 0;
}

hpa_t host_space_frame(const struct host_space *space, gpa_t gpa, uint64_t *contiguous)
{
    uint64_t page_bytes;
    uint64_t entry = look_up(space, gpa.value, &page_bytes);
    *contiguous = 0;
    if (entry == 0) {
        return hpa(0);
    }
    uint64_t offset = gpa.value % page_bytes;
    uint64_t start = (entry & PAGE_ADDRESS) + offset;
    *contiguous = page_bytes - offset;
    for (;;) { // as long as the next page is the next one in the machine
        entry = look_up(space, gpa.value + *contiguous, &page_bytes);
        if (entry == 0 || (entry & PAGE_ADDRESS) != start + *contiguous) {
            return hpa(start);
        }
        *contiguous += page_bytes;
    }
}

// A module appears at the window's start plus its physical address, so two modules never overlap.
// If a page is already mapped, this module was mapped there before.
const uint8_t *host_space_map_module(struct host_space *space, hpa_t start, uint64_t bytes)
{
    uint64_t first = ALIGN_DOWN(start.value, PAGE_SIZE);
    if (start.value >= SLOT_BYTES || bytes > SLOT_BYTES - start.value) {
        return NULL;
    }
    for (uint64_t page = first; page < start.value + bytes; page += PAGE_SIZE) {
        uint64_t page_bytes;
        if (page_table_look_up(space->cr3, MODULE_WINDOW + page, &page_bytes) == 0 &&
            !page_table_map(space->cr3, MODULE_WINDOW + page, page, PAGE_SIZE, MODULE_FLAGS)) {
            return NULL;
        }
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
