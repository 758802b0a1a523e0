// SPDX-License-Identifier: MIT
// The book of guest memory: which 2 MiB frames of the machine are free.
#include "arch/x86/guest_frames.h"

#include "arch/x86/frames.h"
#include "arch/x86/image.h"
#include "arch/x86/machine_memory.h"
#include "arch/x86/panic.h"
#include "arch/x86/spinlock.h"
#include "vmm/util/bitmap.h"
#include "vmm/util/string.h"

static struct spinlock lock;
// A bit for each frame, from physical address 0. It is also set where there is no RAM.
static struct bitmap taken;
static uint64_t frames_total;
static uint64_t frames_free; // neither taken nor reserved
static uint64_t search_from; // all frames below it are taken

static uint64_t usable_end(const struct machine_memory *memory)
{
    if (memory->usable_count == 0) {
        return 0;
    }
    const struct memory_span *last = &memory->usable[memory->usable_count - 1];
    return last->start + last->bytes;
}

// Frees the frames that lie completely in a usable span.
static void add_usable(const struct memory_span *span)
{
    uint64_t first = ALIGN_UP(span->start, GUEST_FRAME_BYTES) / GUEST_FRAME_BYTES;
    uint64_t end = MIN((span->start + span->bytes) / GUEST_FRAME_BYTES, taken.bits);
    if (first < end) {
        bitmap_clear(&taken, first, end - first);
    }
}

// Takes the frames that any part of the span touches.
static void remove_span(struct memory_span span)
{
    uint64_t first = span.start / GUEST_FRAME_BYTES;
    uint64_t end = ALIGN_UP(span.start + span.bytes, GUEST_FRAME_BYTES) / GUEST_FRAME_BYTES;
    end = MIN(end, taken.bits);
    if (span.bytes != 0 && first < end) {
        bitmap_set(&taken, first, end - first);
    }
}

static uint64_t count_free(void)
{
    uint64_t count = 0;
    for (uint64_t frame = 0; frame < taken.bits; frame++) {
        count += !bitmap_test(&taken, frame);
    }
    return count;
}

// The pool may have no room for a bitmap of all the machine's memory. Then only the lower part of
// that memory is used.
static void make_bitmap(uint64_t bits)
{
    taken.bits = bits;
    taken.words = frames_allocate(ALIGN_UP(BITMAP_BYTES(bits), PAGE_SIZE) / PAGE_SIZE);
    while (!taken.words && taken.bits > 1) {
        taken.bits /= 2;
        taken.words = frames_allocate(ALIGN_UP(BITMAP_BYTES(taken.bits), PAGE_SIZE) / PAGE_SIZE);
    }
    if (!taken.words) {
        panic("no frames to keep the books of guest memory");
    }
    memset(taken.words, 0xff, BITMAP_BYTES(taken.bits));
}

void guest_frames_init(const struct machine_memory *memory)
{
    make_bitmap(MAX(usable_end(memory) / GUEST_FRAME_BYTES, 1UL));
    for (unsigned i = 0; i < memory->usable_count; i++) {
        add_usable(&memory->usable[i]);
    }
    remove_span((struct memory_span){.start = 0, .bytes = MIB}); // the BIOS's and other CPUs'
    remove_span(image_span());
    remove_span(frames_pool());
    for (unsigned i = 0; i < memory->occupied_count; i++) {
        remove_span(memory->occupied[i]);
    }
    frames_total = count_free();
    frames_free = frames_total;
}

bool guest_frames_reserve(uint64_t count)
{
    uint64_t flags = spinlock_acquire(&lock);
    bool enough = count <= frames_free;
    if (enough) {
        frames_free -= count;
    }
    spinlock_release(&lock, flags);
    return enough;
}

void guest_frames_unreserve(uint64_t count)
{
    uint64_t flags = spinlock_acquire(&lock);
    frames_free += count;
    spinlock_release(&lock, flags);
}

bool guest_frames_take(uint64_t count, uint64_t alignment, hpa_t *first)
{
    uint64_t flags = spinlock_acquire(&lock);
    uint64_t frame = bitmap_find_clear(&taken, search_from, count, alignment / GUEST_FRAME_BYTES);
    if (frame != BITMAP_NONE) {
        bitmap_set(&taken, frame, count);
        if (count == 1) { // no frame below it is free
            search_from = frame + 1;
        }
    }
    spinlock_release(&lock, flags);
    *first = hpa(frame != BITMAP_NONE ? frame * GUEST_FRAME_BYTES : 0);
    return frame != BITMAP_NONE;
}

void guest_frames_release(hpa_t first, uint64_t count)
{
    uint64_t start = first.value / GUEST_FRAME_BYTES;
    uint64_t flags = spinlock_acquire(&lock);
    for (uint64_t frame = start; frame < start + count; frame++) {
        if (!bitmap_test(&taken, frame)) {
            panic("guest frame %#llx released twice", frame * GUEST_FRAME_BYTES);
        }
    }
    bitmap_clear(&taken, start, count);
    frames_free += count;
    search_from = MIN(search_from, start);
    spinlock_release(&lock, flags);
}

uint64_t guest_frames_total_bytes(void)
{
    return frames_total * GUEST_FRAME_BYTES;
}

uint64_t guest_frames_free_bytes(void)
{
    return __atomic_load_n(&frames_free, __ATOMIC_RELAXED) * GUEST_FRAME_BYTES;
}
