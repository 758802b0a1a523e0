// SPDX-License-Identifier: MIT
// The hypervisor's frame pool: where it lies, and which frames are taken.
#include "arch/x86/frames.h"

#include "arch/x86/image.h"
#include "arch/x86/paging.h"
#include "arch/x86/panic.h"
#include "arch/x86/spinlock.h"
#include "vmm/util/bitmap.h"
#include "vmm/util/string.h"

#define POOL_BYTES_MIN (8 * MIB)
#define POOL_BYTES_MAX (1 * GIB)
#define POOL_SHARE 64     // the pool is this part of all RAM
#define POOL_SHARE_TINY 4 // and never more than this part
#define VGA_HOLE 0xa0000  // usable memory below 1 MiB ends here at the latest

static struct spinlock lock;
static struct memory_span pool;
static struct bitmap taken; // a bit for each frame; it lies in the pool's first frames
static uint64_t frames_free;
static uint64_t search_from; // all frames below it are taken
static uint64_t low_page;

static uint64_t usable_bytes(const struct machine_memory *memory)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < memory->usable_count; i++) {
        bytes += memory->usable[i].bytes;
    }
    return bytes;
}

static bool overlaps(const struct memory_span *a, const struct memory_span *b)
{
    return a->bytes != 0 && b->bytes != 0 && a->start < b->start + b->bytes &&
           b->start < a->start + a->bytes;
}

// Whether an occupied span overlaps `span`. `end` is then the end of that occupied span.
static bool is_occupied(const struct machine_memory *memory, const struct memory_span *span,
                        uint64_t *end)
{
    struct memory_span image = image_span();
    if (overlaps(span, &image)) {
        *end = image.start + image.bytes;
        return true;
    }
    for (unsigned i = 0; i < memory->occupied_count; i++) {
        const struct memory_span *occupied = &memory->occupied[i];
        if (overlaps(span, occupied)) {
            *end = occupied->start + occupied->bytes;
            return true;
        }
    }
    return false;
}

// Finds the lowest place for `bytes` in one usable span. It is aligned to 2 MiB, so that large
// pages map it.
static bool place_in_span(const struct machine_memory *memory, const struct memory_span *usable,
                          uint64_t bytes, struct memory_span *place)
{
    uint64_t usable_end = MIN(usable->start + usable->bytes, 4 * GIB);
    uint64_t blocked_to;
    place->start = ALIGN_UP(MAX(usable->start, MIB), PAGE_SIZE_2M);
    place->bytes = bytes;
    while (place->start + bytes <= usable_end) {
        if (!is_occupied(memory, place, &blocked_to)) {
            return true;
        }
        place->start = ALIGN_UP(blocked_to, PAGE_SIZE_2M);
    }
    return false;
}

static bool place_pool(const struct machine_memory *memory, uint64_t bytes)
{
    for (unsigned i = 0; i < memory->usable_count; i++) {
        if (place_in_span(memory, &memory->usable[i], bytes, &pool)) {
            return true;
        }
    }
    return false;
}

static void choose_pool(const struct machine_memory *memory)
{
    uint64_t total = usable_bytes(memory);
    uint64_t bytes = MAX(POOL_BYTES_MIN, MIN(total / POOL_SHARE, POOL_BYTES_MAX));
    bytes = ALIGN_DOWN(MIN(bytes, total / POOL_SHARE_TINY), PAGE_SIZE_2M);
    while (bytes > 0 && !place_pool(memory, bytes)) {
        bytes -= PAGE_SIZE_2M;
    }
    if (bytes == 0) {
        panic("%lu KiB of memory, and no 2 MiB of it in one piece for Husk", total / 1024);
    }
}

static void choose_low_page(const struct machine_memory *memory)
{
    uint64_t blocked_to;
    for (unsigned i = 0; i < memory->usable_count; i++) {
        const struct memory_span *usable = &memory->usable[i];
        if (usable->bytes < PAGE_SIZE || usable->start >= VGA_HOLE) {
            continue;
        }
        struct memory_span page = {
            .start = MIN(usable->start + usable->bytes, VGA_HOLE) - PAGE_SIZE,
            .bytes = PAGE_SIZE,
        };
        // Page 0 holds the BIOS's interrupt vectors, and address 0 means "none".
        if (page.start != 0 && !is_occupied(memory, &page, &blocked_to)) {
            low_page = page.start;
        }
    }
}

void frames_init(const struct machine_memory *memory)
{
    choose_pool(memory);
    choose_low_page(memory);

    uint64_t count = pool.bytes / PAGE_SIZE;
    uint64_t map_frames = ALIGN_UP(BITMAP_BYTES(count), PAGE_SIZE) / PAGE_SIZE;
    taken = (struct bitmap){.words = frames_virtual(pool.start), .bits = count};
    memset(taken.words, 0, BITMAP_BYTES(count));
    bitmap_set(&taken, 0, map_frames);
    frames_free = count - map_frames;
}

// Takes `pages` frames. Returns the index of the first, or BITMAP_NONE.
static uint64_t take(uint64_t pages)
{
    uint64_t flags = spinlock_acquire(&lock);
    uint64_t first = BITMAP_NONE;
    if (pages <= frames_free) {
        first = bitmap_find_clear(&taken, search_from, pages, 1);
    }
    if (first != BITMAP_NONE) {
        bitmap_set(&taken, first, pages);
        frames_free -= pages;
        if (first == search_from) {
            search_from += pages;
        }
    }
    spinlock_release(&lock, flags);
    return first;
}

void *frames_allocate(uint64_t pages)
{
    if (pages == 0) {
        return NULL;
    }
    uint64_t first = take(pages);
    if (first == BITMAP_NONE) {
        return NULL;
    }
    void *memory = frames_virtual(pool.start + first * PAGE_SIZE);
    memset(memory, 0, pages * PAGE_SIZE);
    return memory;
}

void frames_release(void *memory, uint64_t pages)
{
    uint64_t first = (frames_physical(memory) - pool.start) / PAGE_SIZE;
    uint64_t flags = spinlock_acquire(&lock);
    for (uint64_t frame = first; frame < first + pages; frame++) {
        if (!bitmap_test(&taken, frame)) {
            panic("frame %p released twice", memory);
        }
    }
    bitmap_clear(&taken, first, pages);
    frames_free += pages;
    search_from = MIN(search_from, first);
    spinlock_release(&lock, flags);
}

uint64_t frames_physical(const void *memory)
{
    uint64_t physical = (uintptr_t)memory - DIRECT_MAP;
    if (physical - pool.start >= pool.bytes) {
        panic("%p is not memory of the frame pool", memory);
    }
    return physical;
}

void *frames_virtual(uint64_t physical)
{
    return (void *)(DIRECT_MAP + physical);
}

uint64_t frames_low_page(void)
{
    return low_page;
}

uint64_t frames_total_bytes(void)
{
    return pool.bytes;
}

uint64_t frames_free_bytes(void)
{
    return __atomic_load_n(&frames_free, __ATOMIC_RELAXED) * PAGE_SIZE;
}

struct memory_span frames_pool(void)
{
    return pool;
}
