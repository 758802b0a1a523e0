// SPDX-License-Identifier: MIT
// A disk that holds its caller to the rules of block_backend.h.
#include "tests/host/devices/fake_disk.h"

#include <stdlib.h>
#include <string.h>

static struct fake_disk *check(struct block_backend *backend, uint64_t at, uint64_t bytes,
                               bool writes)
{
    struct fake_disk *disk = container_of(backend, struct fake_disk, backend);
    if (bytes == 0 || at > backend->bytes || bytes > backend->bytes - at ||
        (writes && backend->read_only)) {
        abort();
    }
    disk->calls++;
    disk->handled += bytes;
    return disk;
}

static struct fake_disk *check_sectors(struct block_backend *backend, uint64_t at, uint64_t bytes)
{
    if (at % BLOCK_SECTOR_BYTES != 0 || bytes % BLOCK_SECTOR_BYTES != 0) {
        abort();
    }
    return check(backend, at, bytes, true);
}

static bool disk_read(struct block_backend *backend, uint64_t at, void *to, uint64_t bytes)
{
    const struct fake_disk *disk = check(backend, at, bytes, false);
    memcpy(to, disk->bytes + at, bytes);
    return !disk->fails;
}

static bool disk_write(struct block_backend *backend, uint64_t at, const void *from, uint64_t bytes)
{
    struct fake_disk *disk = check(backend, at, bytes, true);
    memcpy(disk->bytes + at, from, bytes);
    return !disk->fails;
}

static bool disk_discard(struct block_backend *backend, uint64_t at, uint64_t bytes)
{
    struct fake_disk *disk = check_sectors(backend, at, bytes);
    memset(disk->bytes + at, 0xdd, bytes);
    disk->discarded += bytes;
    return !disk->fails;
}

static bool disk_write_zeroes(struct block_backend *backend, uint64_t at, uint64_t bytes,
                              bool unmap)
{
    struct fake_disk *disk = check_sectors(backend, at, bytes);
    memset(disk->bytes + at, 0, bytes);
    disk->unmapped += unmap ? bytes : 0;
    return !disk->fails;
}

static bool disk_flush(struct block_backend *backend)
{
    struct fake_disk *disk = container_of(backend, struct fake_disk, backend);
    disk->flushes++;
    return !disk->fails;
}

void fake_disk_init(struct fake_disk *disk, uint64_t bytes, bool read_only)
{
    memset(disk, 0, sizeof(*disk));
    disk->backend = (struct block_backend){
        .bytes = bytes,
        .read_only = read_only,
        .name = "root",
        .read = disk_read,
        .write = disk_write,
        .discard = disk_discard,
        .write_zeroes = disk_write_zeroes,
        .flush = disk_flush,
    };
}
