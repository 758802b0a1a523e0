// SPDX-License-Identifier: MIT
// Frames in an arena that lies below 4 GiB for the controller.
#include "tests/host/drivers/fake_frames.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86/frames.h"
#include "arch/x86/log.h"
#include "arch/x86/time.h"
#include "vmm/util/nanoseconds.h"

#define FRAMES 192
#define ARENA_PHYSICAL 0x7fe00000ULL

struct fake_frames fake_frames;

static alignas(4096) uint8_t arena[FRAMES][PAGE_SIZE];
static bool taken[FRAMES];

void fake_frames_check(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "fake machine: %s\n", what);
        abort();
    }
}

void fake_frames_clear(void)
{
    fake_frames = (struct fake_frames){.now_ns = NS_PER_S};
    memset(taken, 0, sizeof(taken));
}

uint64_t time_now_ns(void)
{
    return fake_frames.now_ns;
}

void log_line(const char *format, ...)
{
    static char text[LOG_LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    fake_frames.last_log = text;
}

static bool is_free(unsigned first, uint64_t pages)
{
    for (unsigned i = first; i < first + pages; i++) {
        if (taken[i]) {
            return false;
        }
    }
    return true;
}

void *frames_allocate(uint64_t pages)
{
    for (unsigned first = 0; first + pages <= FRAMES; first++) {
        if (is_free(first, pages)) {
            memset(taken + first, true, pages);
            memset(arena[first], 0, pages * PAGE_SIZE);
            fake_frames.used += (unsigned)pages;
            return arena[first];
        }
    }
    return NULL;
}

void frames_release(void *memory, uint64_t pages)
{
    uint64_t first = (uint64_t)((uint8_t *)memory - (const uint8_t *)arena) / PAGE_SIZE;
    fake_frames_check(first + pages <= FRAMES, "no frame is released");
    for (uint64_t i = first; i < first + pages; i++) {
        fake_frames_check(taken[i], "a frame is released twice");
    }
    memset(taken + first, false, pages);
    memset(memory, 0xa5, pages * PAGE_SIZE);
    fake_frames.used -= (unsigned)pages;
}

uint64_t frames_physical(const void *memory)
{
    uint64_t offset = (uint64_t)((const uint8_t *)memory - (const uint8_t *)arena);
    fake_frames_check(offset < sizeof(arena), "memory that is no frame is given to the controller");
    return ARENA_PHYSICAL + offset;
}

void *frames_virtual(uint64_t physical)
{
    return (uint8_t *)arena + (physical - ARENA_PHYSICAL);
}

void *fake_frames_dma(uint64_t physical, size_t bytes)
{
    uint64_t offset = physical - ARENA_PHYSICAL;
    fake_frames_check(fake_frames.dma_is_permitted, "DMA without bus master");
    fake_frames_check(offset < sizeof(arena) && bytes <= sizeof(arena) - offset,
                      "DMA outside of frames");
    fake_frames_check(taken[offset / PAGE_SIZE] && taken[(offset + bytes - 1) / PAGE_SIZE],
                      "DMA to a free frame");
    return (uint8_t *)arena + offset;
}
