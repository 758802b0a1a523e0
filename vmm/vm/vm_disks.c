// SPDX-License-Identifier: MIT
// Makes the disks of a VM, and keeps or drops what the VM has written to them.
#include "vmm/vm/vm_disks.h"

#include "vmm/address.h"
#include "vmm/board/pc_virtio.h"
#include "vmm/config/config.h"
#include "vmm/devices/virtio/block_backend.h"
#include "vmm/devices/virtio/virtio_block.h"
#include "vmm/disk/block_store.h"
#include "vmm/disk/disk.h"
#include "vmm/disk/overlay.h"
#include "vmm/host.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_load.h"

#define DROP_PIECE_BLOCKS 1024U

// ---- On CPU 0 ----

static enum status check_image(const struct disk_config *config, const struct vm_payload *image,
                               struct reason *why)
{
    if (image->size == 0) {
        return refuse(why, STATUS_INVALID, "disk=%s: the image is empty", config->name);
    }
    if (image->size % BLOCK_SECTOR_BYTES != 0) {
        return refuse(why, STATUS_INVALID,
                      "disk=%s: the image has %llu bytes; a disk has whole sectors of %d",
                      config->name, (unsigned long long)image->size, BLOCK_SECTOR_BYTES);
    }
    return STATUS_OK;
}

static enum status check_disk(const struct vm *vm, const struct disk_config *config,
                              struct reason *why)
{
    const char *key = config->ram_bytes > 0 ? "ram-disk" : "disk";
    uint64_t machine = vm->vmm->host->memory_use().guest_bytes;
    unsigned count = vm->disks ? vm->disks->count : 0;
    if (count == VM_DISKS_MAX) {
        return refuse(why, STATUS_RANGE, "%s=%s: %s has %u disks already, which is the most", key,
                      config->name, vm->config.name, VM_DISKS_MAX);
    }
    for (unsigned i = 0; i < count; i++) {
        if (text_equal(vm->disks->disks[i].config.name, config->name)) {
            return refuse(why, STATUS_BUSY, "%s=%s: %s has a disk of that name", key, config->name,
                          vm->config.name);
        }
    }
    if (config->overlay_bytes > machine) {
        return refuse(why, STATUS_RANGE,
                      "%s=%s: %llu MiB for what is written, but this machine "
                      "has %llu MiB for guests",
                      key, config->name, (unsigned long long)(config->overlay_bytes / MIB),
                      (unsigned long long)(machine / MIB));
    }
    return STATUS_OK;
}

enum status vm_disks_add(struct vm *vm, const struct disk_config *config,
                         const struct vm_payload *image, struct reason *why)
{
    enum status status = image ? check_image(config, image, why) : STATUS_OK;
    if (status != STATUS_OK) {
        return status;
    }
    status = check_disk(vm, config, why);
    if (status != STATUS_OK) {
        return status;
    }
    if (!vm->disks) {
        vm->disks = vm->vmm->host->allocate(sizeof(*vm->disks));
    }
    if (!vm->disks) {
        return refuse(why, STATUS_NO_MEMORY, "disk=%s: Husk's own memory is full", config->name);
    }
    vm->disks->vm = vm;
    struct vm_disk *disk = &vm->disks->disks[vm->disks->count++];
    disk->config = *config;
    disk->bytes = image ? image->size : config->ram_bytes;
    disk->start = image ? image->start : hpa(0);
    return STATUS_OK;
}

// ---- On the home CPU ----

static uint32_t grow(struct block_store *store)
{
    struct vm *vm = container_of(store, struct vm_disks, store)->vm;
    return (uint32_t)(vm->vmm->host->space_grow_store(&vm->space) / BLOCK_BYTES);
}

// How many blocks the disk may have. A ram-disk has room for all of it, and for the table.
static uint32_t limit_of(const struct disk_config *config)
{
    uint64_t bytes = config->overlay_bytes ? config->overlay_bytes : DISK_OVERLAY_DEFAULT;
    uint64_t blocks = bytes / BLOCK_BYTES;
    return (uint32_t)(config->ram_bytes > 0 ? blocks + overlay_table_blocks(blocks) : blocks);
}

// The image is mapped later. The counters go on: they are those of the disk, and clear_piece knows
// whether it is the same one.
static void make_disk(struct vm_disks *disks, struct vm_disk *disk)
{
    struct block_backend *backend = &disk->disk.backend;
    const struct block_counters before = backend->counters;
    disk_init(&disk->disk, disk->config.name, NULL, disk->bytes, disk->config.read_only,
              &disks->store, limit_of(&disk->config));
    backend->counters = before;
}

void vm_disks_begin(struct vm *vm)
{
    struct vm_disks *disks = vm->disks;
    if (!disks) {
        return;
    }
    disks->next = 0;
    disks->done = 0;
    if (vm->space.store_bytes == 0) { // nothing was written since the space was made
        block_store_init(&disks->store, (uint8_t *)vm->space.store, grow);
        for (unsigned i = 0; i < disks->count; i++) {
            make_disk(disks, &disks->disks[i]);
        }
    }
}

// Maps the next piece of the image. `*done`: all of it is mapped.
static enum status map_piece(struct vm *vm, struct vm_disk *disk, bool *done, struct reason *why)
{
    uint64_t *mapped = &vm->disks->done;
    bool first = *mapped == 0;
    const uint8_t *bytes = vm_map_module(vm, disk->start, disk->bytes, mapped);
    if (!bytes) {
        return refuse(why, STATUS_NO_MEMORY, "no frames to map the image of disk %s",
                      disk->config.name);
    }
    if (first) {
        disk->disk.image = bytes;
    }
    *done = *mapped == disk->bytes;
    return STATUS_OK;
}

// Drops what was written to a disk without `keep`, unless the VM was only reset. The disk is then a
// new one.
static bool clear_piece(const struct vm *vm, struct vm_disk *disk)
{
    enum start_cause cause = vm->start_cause;
    if (disk->config.keep || cause == RESET_BY_HAND || cause == RESET_BY_GUEST) {
        return true;
    }
    disk->disk.backend.counters = (struct block_counters){0};
    return overlay_clear(&disk->disk.overlay, DROP_PIECE_BLOCKS);
}

enum status vm_disks_prepare(struct vm *vm, bool *done, struct reason *why)
{
    struct vm_disks *disks = vm->disks;
    enum status status = STATUS_OK;
    bool ready = true;
    *done = !disks || disks->next == disks->count;
    if (*done) {
        return STATUS_OK;
    }
    struct vm_disk *disk = &disks->disks[disks->next];
    if (disks->done == 0 && !clear_piece(vm, disk)) {
        return STATUS_OK;
    }
    if (disk->config.ram_bytes == 0) {
        status = map_piece(vm, disk, &ready, why);
    }
    if (ready) {
        disks->next++;
        disks->done = 0;
    }
    return status;
}

// A queue for each vCPU, so that they need not wait for each other in the guest. A board has more
// slots than a VM has disks.
static void attach(struct vm *vm, bool ram_disks)
{
    unsigned queues = MIN(vm->config.vcpus, VIRTIO_BLOCK_QUEUES_MAX);
    for (unsigned i = 0; i < vm->disks->count; i++) {
        struct vm_disk *disk = &vm->disks->disks[i];
        if ((disk->config.ram_bytes > 0) == ram_disks) {
            (void)!pc_block_attach(vm->pc, &disk->device, &disk->disk.backend, queues);
        }
    }
}

// A system is on an image, so images come first: Linux calls the first /dev/vda.
void vm_disks_attach(struct vm *vm)
{
    if (vm->disks) {
        attach(vm, false);
        attach(vm, true);
    }
}

bool vm_disks_keep(const struct vm *vm)
{
    for (unsigned i = 0; vm->disks && i < vm->disks->count; i++) {
        const struct vm_disk *disk = &vm->disks->disks[i];
        if (disk->config.keep && disk->disk.overlay.held > 0) {
            return true;
        }
    }
    return false;
}
