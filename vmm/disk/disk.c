// SPDX-License-Identifier: MIT
// Reads and writes a disk, block by block.
#include "vmm/disk/disk.h"

#include "vmm/devices/virtio/block_backend.h"
#include "vmm/disk/block_store.h"
#include "vmm/disk/overlay.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

// A part of one block: where it begins in the block, and how many bytes it has.
struct part {
    uint64_t block;
    size_t start;
    size_t bytes;
};

static struct disk *disk_of(struct block_backend *backend)
{
    return container_of(backend, struct disk, backend);
}

static struct part part_at(uint64_t offset, uint64_t bytes)
{
    size_t start = offset % BLOCK_BYTES;
    return (struct part){.block = offset / BLOCK_BYTES,
                         .start = start,
                         .bytes = (size_t)MIN(bytes, BLOCK_BYTES - start)};
}

// The part as it is without the overlay.
static void read_image(const struct disk *disk, struct part part, void *to)
{
    if (disk->image) {
        memcpy(to, disk->image + part.block * BLOCK_BYTES + part.start, part.bytes);
    } else {
        memset(to, 0, part.bytes);
    }
}

static bool read(struct block_backend *backend, uint64_t offset, void *to, uint64_t bytes)
{
    const struct disk *disk = disk_of(backend);
    uint8_t *at = to;
    for (uint64_t done = 0; done < bytes;) {
        struct part part = part_at(offset + done, bytes - done);
        uint32_t number = overlay_find(&disk->overlay, part.block);
        if (number == BLOCK_NONE) {
            read_image(disk, part, at + done);
        } else if (number == BLOCK_ZERO) {
            memset(at + done, 0, part.bytes);
        } else {
            const uint8_t *block = block_store_at(disk->overlay.store, number);
            memcpy(at + done, block + part.start, part.bytes);
        }
        done += part.bytes;
    }
    return true;
}

// Fills a block that is new in the overlay with what it was before. The end of the last block lies
// behind the disk and is zero.
static void fill(const struct disk *disk, uint64_t block, uint32_t before, uint8_t *to)
{
    uint64_t left = disk->backend.bytes - block * BLOCK_BYTES;
    struct part whole = {.block = block, .bytes = (size_t)MIN(left, BLOCK_BYTES)};
    memset(to + whole.bytes, 0, BLOCK_BYTES - whole.bytes);
    if (before == BLOCK_ZERO) {
        memset(to, 0, whole.bytes);
    } else {
        read_image(disk, whole, to);
    }
}

// The memory for a part that is written; NULL: there is none. What the part leaves of its block is
// as before.
static uint8_t *memory_for(struct disk *disk, struct part part)
{
    uint32_t before = overlay_find(&disk->overlay, part.block);
    bool fresh;
    uint32_t number = overlay_take(&disk->overlay, part.block, &fresh);
    if (number == BLOCK_NONE) {
        return NULL;
    }
    uint8_t *block = block_store_at(disk->overlay.store, number);
    if (fresh && part.bytes < BLOCK_BYTES) {
        fill(disk, part.block, before, block);
    }
    return block + part.start;
}

static bool write(struct block_backend *backend, uint64_t offset, const void *from, uint64_t bytes)
{
    struct disk *disk = disk_of(backend);
    const uint8_t *at = from;
    for (uint64_t done = 0; done < bytes;) {
        struct part part = part_at(offset + done, bytes - done);
        uint8_t *memory = memory_for(disk, part);
        if (!memory) {
            return false;
        }
        memcpy(memory, at + done, part.bytes);
        done += part.bytes;
    }
    return true;
}

// Zeroes a part of a block that stays.
static bool zero_part(struct disk *disk, struct part part)
{
    uint32_t number = overlay_find(&disk->overlay, part.block);
    if (number == BLOCK_ZERO || (number == BLOCK_NONE && !disk->image)) {
        return true;
    }
    uint8_t *memory = memory_for(disk, part);
    if (!memory) {
        return false;
    }
    memset(memory, 0, part.bytes);
    return true;
}

// The bytes read as zeros afterwards. Whole blocks give their memory back.
static bool zero(struct block_backend *backend, uint64_t offset, uint64_t bytes)
{
    struct disk *disk = disk_of(backend);
    uint32_t zeros = disk->image ? BLOCK_ZERO : BLOCK_NONE;
    for (uint64_t done = 0; done < bytes;) {
        struct part part = part_at(offset + done, bytes - done);
        bool whole = part.bytes == BLOCK_BYTES || offset + done + part.bytes == backend->bytes;
        if (whole && part.start == 0 ? !overlay_drop(&disk->overlay, part.block, zeros)
                                     : !zero_part(disk, part)) {
            return false;
        }
        done += part.bytes;
    }
    return true;
}

static bool write_zeroes(struct block_backend *backend, uint64_t offset, uint64_t bytes, bool unmap)
{
    (void)unmap;
    return zero(backend, offset, bytes);
}

// What is written is in memory, and goes no further.
static bool flush(struct block_backend *backend)
{
    (void)backend;
    return true;
}

void disk_init(struct disk *disk, const char *name, const uint8_t *image, uint64_t bytes,
               bool read_only, struct block_store *store, uint32_t limit)
{
    *disk = (struct disk){.image = image,
                          .backend = {.bytes = bytes,
                                      .read_only = read_only,
                                      .read = read,
                                      .write = write,
                                      .discard = zero,
                                      .write_zeroes = write_zeroes,
                                      .flush = flush}};
    text_copy(disk->backend.name, sizeof(disk->backend.name), name);
    overlay_init(&disk->overlay, store, limit);
}
